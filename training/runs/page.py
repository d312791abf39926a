"""A page in Markdown about runs: what was trained, with which settings, and what it gained, by backbone and job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from eval.report.figures.vector import svg_file, svg_of
from eval.views.wording import metric_name
from retrieval.escapes import html_text, printable
from retrieval.files import write_atomically
from retrieval.text_files import read_text
from training.runs.before_after import HEADER, changes_notes, changes_tables
from training.runs.differences import flat_recipes, written
from training.runs.plots import histories_figure, score_name
from training.runs.results import ABSENT, UNKNOWN, VersionRow, result_cells, version_rows
from training.runs.tables import duration

if TYPE_CHECKING:
    from pathlib import Path

    from training.runs.results import RunResult
    from training.runs.run_folders import TrainingRun

TITLE = "# Training runs"
NOTE = (
    "What follows is written by `vitrine runs --markdown` from the folders of the runs. Metrics of evaluations are "
    "percentages, but for NLL and Brier. A held-out score is of the samples that chose the weights, the best of all "
    "epochs, so a little flattering; *before* and *after* are of other samples, those on which the refresh compared "
    "the space that was trained from with what was trained."
)
NOT_SETTINGS = frozenset({"version", "remarks"})
"""Keys of a recipe that have columns of their own."""


class PageSection(NamedTuple):
    """The runs of a job with a backbone.

    Attributes:
        backbone: the encoder that was trained.
        job: name of the job; empty if it is not known.
        runs: the runs, in the order of the page.
        rows: rows of versions, those without a run too.
    """

    backbone: str
    job: str
    runs: tuple[TrainingRun, ...]
    rows: tuple[VersionRow, ...]

    @property
    def title(self) -> str:
        """The job, which heads the section."""
        return f"Job {self.job}" if self.job else "Runs of an unknown job"

    @property
    def alt(self) -> str:
        """What the picture shows."""
        return f"Losses and held-out metrics by epoch: {self.backbone}, {self.title}"

    @property
    def drawn(self) -> list[TrainingRun]:
        """The runs that have a history."""
        return [run for run in self.runs if run.history]

    @property
    def picture(self) -> str:
        """Name of the file of the picture."""
        return f"{self.slug}.svg"

    @property
    def slug(self) -> str:
        """Name of the section in ids and names of files."""
        return re.sub(r"[^\w.]+", "-", f"{self.backbone} {self.job}").strip("-")


def page_sections(runs: Sequence[TrainingRun], results: Mapping[Path, Sequence[RunResult]]) -> list[PageSection]:
    """Divide runs by backbone, then by job; runs that trained nothing are left out."""
    sections = []
    for job in dict.fromkeys(run.job for run in runs):
        for backbone, rows in version_rows([run for run in runs if run.job == job], results).items():
            trained = tuple({row.run.path: row.run for row in rows if row.run is not None}.values())
            sections.append(PageSection(backbone, job, trained, tuple(rows)))
    return sorted(sections, key=lambda section: (section.backbone == UNKNOWN, section.backbone))


def write_page(
    runs: Sequence[TrainingRun], results: Mapping[Path, Sequence[RunResult]], path: Path, intro: Path | None = None
) -> list[Path]:
    """Write the page, and in a folder beside it a picture (SVG) of the histories of each section.

    Args:
        runs: the runs.
        results: their results.
        path: the page.
        intro: file with Markdown with which the page begins.

    Returns:
        The files, the page first.

    Raises:
        InputError: a file cannot be read or written.
    """
    sections, written = page_sections(runs, results), [path]
    folder = path.with_name(path.stem if path.suffix else f"{path.name}-pictures")
    for section in sections:
        if section.drawn:
            figure = histories_figure(section.drawn, f"{section.backbone}: {section.title}")
            written.append(folder / section.picture)
            svg = svg_file(svg_of(figure, section.slug), html_text(section.alt))
            write_atomically(written[-1], svg, "name another file with `markdown`")
    begin = "" if intro is None else read_text(intro, "Markdown")
    page = results_page(runs, sections, folder.name, begin)
    write_atomically(path, page, "name another file with `markdown`")
    return written


def results_page(runs: Sequence[TrainingRun], sections: Sequence[PageSection], folder: str, intro: str = "") -> str:
    """Write the page.

    Args:
        runs: all runs, those too that trained nothing.
        sections: the runs by backbone and job.
        folder: folder of the pictures, as the page names it.
        intro: Markdown before what is generated, with a title of its own.
    """
    parts = [intro.strip() or TITLE, NOTE, _overview(runs)]
    problems = [f"- {_cell(run.name)}: {_cell(run.problem)}" for run in runs if run.problem]
    parts += ["\n".join(problems)] if problems else []
    for at, section in enumerate(sections):
        if not at or section.backbone != sections[at - 1].backbone:
            parts.append(f"## {_cell(section.backbone)}")
        parts += [f"### {_cell(section.title)}", *_section(section, folder)]
    return "\n\n".join(parts) + "\n"


def _overview(runs: Sequence[TrainingRun]) -> str:
    header = ("run", "job", "version", "from space", "epochs", "time", "state", "remarks")
    cells = [
        (run.name, run.job, run.version or "", run.space or "", _epochs(run), duration(run.seconds), run.state,
         run.remarks)
        for run in runs
    ]  # fmt: skip
    return _markdown(header, cells)


def _section(section: PageSection, folder: str) -> Iterator[str]:
    yield _markdown(("version", "remarks", "run", "epochs", "of epoch", "held-out score"), _version_cells(section.rows))
    settings = _settings(section.runs)
    if settings:
        yield "Settings that differ:"
        yield _markdown(("setting", *(run.name for run in section.runs)), settings)
    for table in changes_tables(section.runs):
        yield _cell(table.title)
        yield _markdown(HEADER, table.cells)
    notes = changes_notes(section.runs)
    if notes:
        yield "\n".join(f"- {_cell(text)}" for text in notes)
    results = [row for row in section.rows if row.result is not None]
    if results:
        yield "Results of evaluations:"
        yield _markdown(*result_cells(results))
    if section.drawn:
        yield f"![{_cell(section.alt)}]({quote(f'{folder}/{section.picture}')})"


def _version_cells(rows: Sequence[VersionRow]) -> list[tuple[str, ...]]:
    """A row for each run, and for each version without one."""
    cells: list[tuple[str, ...]] = []
    for row in {(row.version, row.run and row.run.path): row for row in rows}.values():
        run = row.run
        if run is None:
            cells.append((row.version, ABSENT, "", "", "", ""))
            continue
        name = score_name(run)
        score = "" if run.best_score is None else f"{metric_name(name) + ' ' if name else ''}{run.best_score:.4f}"
        cells.append((row.version, run.remarks, run.name, _epochs(run), f"{run.best_epoch or ''}", score))
    return cells


def _epochs(run: TrainingRun) -> str:
    return f"{run.epochs:,}" + (f" of {run.planned:,}" if run.planned not in (None, run.epochs) else "")


def _settings(runs: Sequence[TrainingRun]) -> list[list[str]]:
    """Rows of the keys of which the runs have different values."""
    recipes = flat_recipes([run.recipe for run in runs])
    keys = dict.fromkeys(key for recipe in recipes for key in recipe if key not in NOT_SETTINGS)
    rows = [[key, *(written(recipe.get(key)) for recipe in recipes)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Write a table; columns without a word are left out."""
    shown = [at for at in range(len(header)) if any(line[at] for line in cells)]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(_cell(line[at]) for at in shown) + " |" for line in lines)


def _cell(text: str | None) -> str:
    return printable(" ".join((text or "").split())).replace("|", r"\|").replace("<", "&lt;")
