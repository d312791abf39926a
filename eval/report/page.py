"""Make a report from result files: Markdown, one HTML page, and PNG files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from eval.report.document import Block, Document, Paragraph, Section
from eval.report.figures.comparison import cmc_comparison_figure, cmc_lines, comparison_figure
from eval.report.figures.overview import overview_figure
from eval.report.figures.sweeps import axis_name, overlay_figure, sweep_axis, sweep_groups
from eval.report.groups import Group, LabelledResult, group_results, read_results, separation_warning
from eval.report.html import to_html
from eval.report.markdown import to_markdown
from eval.report.sections import picture_block, result_sections, unique_slugs
from eval.report.tables import comparison_table
from eval.results.schema import SweepPoint
from eval.views.wording import counted
from retrieval.errors import InputError
from retrieval.files import write_atomically

TITLE = "Evaluation report"


class ReportFiles(NamedTuple):
    """The files of a report, and the warnings that it shows."""

    markdown: Path
    html: Path
    pictures: tuple[Path, ...]
    warnings: tuple[str, ...]


def write_report(results: Sequence[Path], out: Path, title: str = TITLE) -> ReportFiles:
    """Write ``report.md``, ``report.html`` and pictures; the same results give the same bytes.

    Args:
        results: result files; their assets are shown too.
        out: folder of the report, created if needed; files of these names are replaced.
        title: title of the report.

    Raises:
        InputError: there is no result, a file is not a result or has no metrics, or the folder cannot be written.
        MissingFileError: a result file does not exist.
    """
    document = build_document(read_results(results), title)
    pictures = {}
    for picture in document.pictures():
        path = out / picture.name
        picture.draw(path)
        pictures[picture.name] = path
    markdown, html = out / "report.md", out / "report.html"
    write_atomically(markdown, to_markdown(document))
    write_atomically(html, to_html(document, {name: path.read_bytes() for name, path in pictures.items()}))
    return ReportFiles(markdown, html, tuple(pictures.values()), tuple(document.warnings()))


def build_document(results: Sequence[LabelledResult], title: str) -> Document:
    """Make the document: an overview, a comparison of each group, then sections for each result.

    Raises:
        InputError: a result has no metrics.
    """
    for labelled in results:
        if not labelled.result.metrics:
            raise InputError(f"{labelled.path} has no metrics, so there is nothing to report; evaluate again.")
    groups = group_results(results)
    sections = [Section("Comparison" if len(results) > 1 else "Result", tuple(_comparison_blocks(groups)))]
    for labelled, slug in zip(results, unique_slugs([labelled.label for labelled in results]), strict=True):
        sections += result_sections(labelled, slug)
    return Document(title, tuple(_intro(groups, title)), tuple(sections))


def _intro(groups: Sequence[Group], title: str) -> Iterator[Block]:
    count = sum(len(group.results) for group in groups)
    yield Paragraph(f"{counted(count, 'result')}, metrics in percent with 95 % intervals where there are any.")
    warning = separation_warning(groups)
    if warning is not None:
        yield Paragraph(warning, warning=True)
    alt = "Overview: the headline metric of every result, and the main pictures of this report, small."
    yield picture_block("overview", alt, partial(overview_figure, groups, title))


def _comparison_blocks(groups: Sequence[Group]) -> Iterator[Block]:
    warning = separation_warning(groups)
    if warning is not None:
        yield Paragraph(warning, warning=True)
    for at, group in enumerate(groups):
        suffix = f"-{at + 1}" if len(groups) > 1 else ""
        for words in group.warnings():
            yield Paragraph(words, warning=True)
        yield comparison_table(group)
        alt = f"Bars of the table's metrics with 95 % intervals: {group.title}."
        yield picture_block(f"comparison{suffix}", alt, partial(comparison_figure, group))
        if cmc_lines(group):
            alt = f"Cumulative match characteristics: {group.title}."
            yield picture_block(f"cmc{suffix}", alt, partial(cmc_comparison_figure, group))
        yield from _overlays(group, suffix)


def _overlays(group: Group, suffix: str) -> Iterator[Block]:
    """Draw sweeps of several results over the same setting and role in one picture."""
    sweeps: dict[tuple[str, str], dict[str, Sequence[SweepPoint]]] = {}
    for label, _, result in group.results:
        for (arm, role), points in sweep_groups(result).items():
            axis = sweep_axis(points)
            if axis is not None:
                name = label if arm is None else f"{label}: {arm}"
                sweeps.setdefault((axis, role), {})[name] = points
    for (axis, role), series in sweeps.items():
        if len({name.partition(": ")[0] for name in series}) > 1:
            make = partial(overlay_figure, series, axis, f"Sweeps over {axis} on {role}", group.title)
            alt = f"{', '.join(series)}: metrics over {axis_name(axis)}."
            yield picture_block(f"overlay-{axis}-{role}{suffix}", alt, make)
