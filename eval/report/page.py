"""Make a report from result files: Markdown, one HTML page, SVG files and thumbnails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eval.report.document import THUMBNAILS, Block, Document, Paragraph, PictureBlock, Section
from eval.report.figures.comparison import cmc_comparison_figure, cmc_lines, comparison_figure
from eval.report.figures.overview import overview_figures
from eval.report.figures.sweeps import axis_name, overlay_figure, sweep_axis, sweep_groups
from eval.report.figures.vector import svg_file, svg_of
from eval.report.groups import Group, LabelledResult, group_results, read_results
from eval.report.html import to_html
from eval.report.leads import Lead, leads_of
from eval.report.markdown import to_markdown
from eval.report.sections import picture_block, result_sections, unique_slugs
from eval.report.summary import summary_blocks
from eval.report.tables import comparison_table, provenance_table
from eval.results.schema import SweepPoint
from eval.views.wording import metric_name, task_name
from retrieval.errors import InputError
from retrieval.escapes import html_text
from retrieval.files import write_atomically

if TYPE_CHECKING:
    from eval.report.leads import Pairing

TITLE = "Evaluation report"


class ReportFiles(NamedTuple):
    """The files of a report, and what it says first: the summary of each group of results, and warnings."""

    markdown: Path
    html: Path
    pictures: tuple[Path, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...]


def write_report(results: Sequence[Path], out: Path, title: str = TITLE, pair: Pairing | None = None) -> ReportFiles:
    """Write ``report.md``, ``report.html`` and pictures; the same results give the same bytes.

    Args:
        results: result files; their assets are shown too.
        out: folder of the report, created if needed; files of these names are replaced.
        title: title of the report.
        pair: compares the best result with another, second minus first, where the files cannot.

    Raises:
        InputError: there is no result, a file is not a result or has no metrics, or the folder cannot be written.
        MissingFileError: a result file does not exist.
    """
    document = build_document(read_results(results), title, pair)
    elements, paths = {}, []
    for picture in document.pictures():
        elements[picture.name] = svg_of(picture.make(), picture.name)
        paths.append(out / picture.name)
        write_atomically(paths[-1], svg_file(elements[picture.name], html_text(picture.alt)), "choose another folder")
    for name, thumbnail in document.shown_thumbnails().items():
        write_atomically(out / THUMBNAILS / name, thumbnail.data)
    markdown, html = out / "report.md", out / "report.html"
    write_atomically(markdown, to_markdown(document))
    write_atomically(html, to_html(document, elements))
    summary = tuple(block.text for block in document.intro if isinstance(block, Paragraph))
    return ReportFiles(markdown, html, tuple(paths), tuple(document.warnings()), summary)


def build_document(results: Sequence[LabelledResult], title: str, pair: Pairing | None = None) -> Document:
    """Make the document: a summary, the results side by side, sections for each, and where the numbers come from.

    Raises:
        InputError: a result has no metrics, or predictions beside it cannot be read.
    """
    for labelled in results:
        if not labelled.result.metrics:
            raise InputError(f"{labelled.path} has no metrics, so there is nothing to report; evaluate again.")
    groups = group_results(results)
    leads = [leads_of(group, pair) for group in groups]
    sections = []
    for at, (group, of_group) in enumerate(zip(groups, leads, strict=True), 1):
        several = len(groups) > 1
        name = f"Results {at}: {task_name(group.results[0].result)}" if several else "Results"
        sections.append(Section(name, tuple(_group_blocks(group, of_group, f"-{at}" if several else ""))))
    ordered = [labelled for group in groups for labelled in group.results]
    for labelled, slug in zip(ordered, unique_slugs([labelled.label for labelled in ordered]), strict=True):
        sections += result_sections(labelled, slug)
    sections.append(Section("Where the numbers come from", (provenance_table(ordered),)))
    return Document(title, tuple(summary_blocks(groups, leads)), tuple(sections))


def _group_blocks(group: Group, leads: Sequence[Lead], suffix: str) -> Iterator[Block]:
    yield comparison_table(group, leads)
    for name, make in overview_figures(group).items():
        alt = f"Overview of {group.results[0].label}: {name}; larger and with numbers below."
        if name == "bars":
            alt = f"Bars of {metric_name(group.headline)} of all results; the numbers are in the table."
        yield PictureBlock(f"overview{suffix}-{name}.svg", alt, make, small=True)
    if len(group.rows()) > 1:
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
