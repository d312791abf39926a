"""The command ``results``, which lists, exports and prints the results that a store keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eval.commands.shared import checked_name, refuse_others
from eval.registry import MODES
from eval.results.listing import ResultEntry, find_result, short_ids
from eval.views.results import results_table
from retrieval.commands.options import (
    json_option,
    note,
    print_document,
    print_json,
    print_line,
    print_tables,
    store_option,
)
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


FORMATS = ("csv", "latex", "markdown")


@click.group("results", invoke_without_command=True)
@click.option("--mode", callback=checked_name("mode", MODES), help="Only results of this mode.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only the result whose id begins so; may be repeated.")
@click.option("--csv", "csv", is_flag=True, help="A row per metric, as fractions with all digits, for programs.")
@click.option("--latex", "latex", is_flag=True, help="A table of the headline metrics for a paper (booktabs).")
@click.option("--markdown", "markdown", is_flag=True, help="A table of the headline metrics in Markdown.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE",
    help="Also write the result files into this folder; the table of --csv, --latex or --markdown to this new file.",
)
@store_option
@json_option
@click.pass_context
def results_command(
    ctx: click.Context,
    /,
    mode: str | None,
    ids: tuple[str, ...],
    out: Path | None,
    store: str,
    as_json: bool,  # noqa: FBT001 - Click passes flags by name
    **formats: bool,
) -> None:
    """List what was evaluated on a store, newest first.

    'results show ID' prints one of them as its result file. A table for a paper has the results over the same samples
    and classes; others have a table of their own. Example: results --mode reid --latex --out table.tex
    """
    if ctx.invoked_subcommand is not None:
        refuse_others({"store"}, f"'results {ctx.invoked_subcommand}'")
        return
    chosen = [name for name in FORMATS if formats[name]]
    if len(chosen) + as_json > 1:
        raise click.UsageError("Say one of --csv, --latex, --markdown and --json.")
    _check_out(out, is_file=bool(chosen))
    entries = read_results(store)
    entries = [find_result(entries, prefix) for prefix in ids] or entries
    entries = [entry for entry in entries if mode in {None, entry.result.mode}]
    if chosen:
        _write_table(entries, chosen[0], out)
        return
    if out is not None:
        _export(entries, out)
    if as_json:
        print_json([result_summary(entry) for entry in entries])
    elif entries:
        print_tables([results_table(entries)])
    else:
        note(f"No results{f' of mode {mode}' if mode else ''} in the store yet; 'eval' keeps those it makes.")


def _check_out(out: Path | None, *, is_file: bool) -> None:
    """Refuse a table over a file that exists, and result files into a file."""
    if out is None or not out.exists():
        return
    if is_file:
        raise InputError(f"{out} exists; choose another name for `out`.")
    if not out.is_dir():
        raise click.BadParameter(f"{out} is a file; name a folder for the result files.", param_hint="--out")


def _write_table(entries: Sequence[ResultEntry], kind: str, out: Path | None) -> None:
    """Print a table of results in a format, or write it to a new file."""
    from eval.report.paper import to_csv, to_latex, to_markdown
    from retrieval.files import write_atomically

    if not entries:
        raise InputError("There are no such results in the store, so there is no table of them; 'eval' makes results.")
    text = {"csv": to_csv, "latex": to_latex, "markdown": to_markdown}[kind](entries)
    if out is None:
        print_line(text.removesuffix("\n"))
        return
    write_atomically(out, text)
    note(f"{len(entries)} results: {out}")


@results_command.command("show")
@click.argument("id_", metavar="ID")
@click.option("--store", default=lambda: _of_group("store"), help="Folder of the store.", show_default=False)
def show_command(id_: str, store: str) -> None:
    """Print the result whose id begins with ID, as its result file (JSON)."""
    print_document(find_result(read_results(store), id_).result.to_json())


def read_results(store: str) -> list[ResultEntry]:
    """Read all results of a store, newest first; one that this version cannot read is left out with a note."""
    from eval.results.schema import EvalResult
    from retrieval.store.open import open_store

    stored = open_store(store).results()
    entries = []
    for record, short in zip(stored, short_ids([record.sha256 for record in stored]), strict=True):
        try:
            entries.append(ResultEntry(short, record.sha256, EvalResult.read(record.result, f"Result {short}")))
        except InputError as error:
            note(f"Left out: {error}")
    return entries


def result_summary(entry: ResultEntry) -> dict[str, Any]:
    """What ``--json`` prints of a result; ``headline`` is its first metric, with values as fractions."""
    from eval.ranking.rescoring import scoring_words
    from eval.views.wording import spaces_of

    result = entry.result
    first = next(iter(result.metrics.items()), None)
    return {
        "id": entry.id,
        "sha256": entry.sha256,
        "task": result.task,
        "mode": result.mode,
        "protocol": result.protocol,
        "departs_from": result.departs_from,
        "scoring": scoring_words(result.config),
        "spaces": list(spaces_of(result)),
        "label_universe": {"n": result.label_universe.n, "sha256": result.label_universe.sha256},
        "split_sha256": result.provenance.split_sha256,
        "headline": None if first is None else {"metric": first[0], **first[1].model_dump(mode="json")},
        "created": result.created,
    }


def _export(entries: Sequence[ResultEntry], folder: Path) -> None:
    """Write a file for every result."""
    from eval.results.files import write_result

    for entry in entries:
        write_result(entry.result, folder / f"{entry.result.mode}-{entry.id}.json")
    note(f"{len(entries)} result files in {folder}")


def _of_group(name: str) -> Any:
    """The value of an option that stands before the subcommand, as in ``results --store S show ID``."""
    parent = click.get_current_context().parent
    return None if parent is None else parent.params.get(name)
