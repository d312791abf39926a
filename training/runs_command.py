"""The command ``runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from retrieval.commands.options import PicturePath, json_option, note, print_json, print_line, print_tables

if TYPE_CHECKING:
    from training.runs.run_folders import TrainingRun

RUNS = Path("runs")
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("runs")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[FOLDER] | [RUN RUN]")
@click.option(
    "--follow", metavar="RUN", type=click.Path(path_type=Path), help="Print the history of a run as it grows."
)
@click.option("--csv", "csv", type=FILE, help="Write versions, remarks and results: a CSV for each backbone.")
@click.option(
    "--markdown", type=FILE, metavar="PAGE.md", help="Write a page of results in Markdown, with pictures beside it."
)
@click.option(
    "--intro",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Markdown with which the page begins, such as its title and the commands of the runs.",
)
@click.option(
    "--plot",
    type=PicturePath(".png", ".svg", ".pdf"),
    help="Draw losses and held-out metrics: a picture for each run, PNG, SVG or PDF by its suffix.",
)
@click.option(
    "--store", metavar="DIR", help="Store whose evaluations count, too, for --csv and --markdown, beside RUN/results."
)
@json_option
def runs_command(
    folders: tuple[Path, ...],
    follow: Path | None,
    csv: Path | None,
    markdown: Path | None,
    intro: Path | None,
    plot: Path | None,
    store: str | None,
    *,
    as_json: bool,
) -> None:
    """List the training runs in a folder (default: runs), or what differs between the recipes of two.

    A run whose files are damaged is listed as such. Examples: runs --csv results.csv; runs runs/v5 runs/v6; runs
    --follow runs/v6
    """
    if follow is not None:
        _refuse(
            folders or csv or markdown or intro or plot or store,
            "--follow takes a run and no other option than --json.",
        )
        _follow(follow, as_json=as_json)
        return
    if len(folders) == 2:
        _refuse(
            csv or markdown or intro or plot or store,
            "Two runs are compared: leave --csv, --markdown, --intro, --plot, --store out.",
        )
        _compare(*folders, as_json=as_json)
        return
    _refuse(len(folders) > 2, "Name one folder of runs, or two runs.")
    _refuse(store and not (csv or markdown), "--store is for --csv and --markdown.")
    _refuse(intro and not markdown, "--intro is for --markdown.")
    _list(folders[0] if folders else RUNS, csv, (markdown, intro), plot, store, as_json=as_json)


def _refuse(wrong: object, message: str) -> None:
    if wrong:
        raise click.UsageError(message)


def _list(
    folder: Path,
    csv: Path | None,
    page: tuple[Path | None, Path | None],
    plot: Path | None,
    store: str | None,
    *,
    as_json: bool,
) -> None:
    """List runs and write the files that were named."""
    from training.runs.run_folders import find_runs
    from training.runs.tables import runs_table

    runs = find_runs(folder)
    written = _write_results(runs, csv, page, store) if csv or page[0] else []
    written += [] if plot is None else _draw(runs, plot)
    if as_json:
        print_json({"runs": [run.to_dict() for run in runs], "files": [str(path) for path in written]})
        return
    if runs:
        print_tables([runs_table(runs)])
    else:
        print_line(f"{folder} holds no training run.")
    for path in written:
        print_line(f"Written: {path}")


def _write_results(
    runs: list[TrainingRun], csv: Path | None, page: tuple[Path | None, Path | None], store: str | None
) -> list[Path]:
    from eval.commands.results import read_results
    from retrieval.store.open import open_store
    from training.runs.page import write_page
    from training.runs.results import results_of, version_rows, write_csv_files

    results = {run.path: results_of(run) for run in runs}
    if store is not None:
        stored = [entry.result for entry in read_results(store)]
        with open_store(store).snapshot() as snapshot:
            results = {run.path: results_of(run, stored, snapshot.spaces) for run in runs}
    written = [] if csv is None else write_csv_files(version_rows(runs, results), csv)
    markdown, intro = page
    return written if markdown is None else written + write_page(runs, results, markdown, intro)


def _draw(runs: list[TrainingRun], plot: Path) -> list[Path]:
    from training.runs.plots import plot_history, plot_paths

    drawn = [run for run in runs if run.history]
    paths = plot_paths(drawn, plot)
    for run, path in zip(drawn, paths, strict=True):
        plot_history(run, path)
    if len(drawn) < len(runs):
        note(f"{len(runs) - len(drawn)} of {len(runs)} runs have no history to draw.")
    return paths


def _compare(first: Path, second: Path, *, as_json: bool) -> None:
    from training.runs.differences import differences_table, recipe_differences
    from training.runs.run_folders import read_run

    a, b = (read_run(path) for path in (first, second))
    if as_json:
        print_json([one._asdict() for one in recipe_differences(a, b)])
    else:
        print_tables([differences_table(a, b)])


def _follow(path: Path, *, as_json: bool) -> None:
    import json

    from retrieval.commands.options import print_document
    from training.runs.follow import follow_history, history_text
    from training.runs.run_folders import read_run

    for line in follow_history(path):
        if as_json:
            print_document(json.dumps(line, ensure_ascii=False))
        else:
            print_line(history_text(line))
    run = read_run(path)
    if not as_json:
        print_line(f"{run.state} after {run.epochs:,} epochs" + (f": {run.problem}" if run.problem else ""))
