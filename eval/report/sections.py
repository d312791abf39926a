"""The sections of a report about one result."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from eval.report import tables
from eval.report.document import Block, Paragraph, PictureBlock, Section, ThumbnailBlock
from eval.report.figures.classes import confusion_figure, involved_classes, worst_classes, worst_classes_figure
from eval.report.figures.comparison import gains_figure
from eval.report.figures.curves import curve_figures
from eval.report.figures.reliability import confidence_curves, coverage_figure, reliability_figure
from eval.report.figures.sweeps import (
    axis_name,
    metric_grid_figure,
    metrics_of,
    settings_grid_figure,
    sweep_axis,
    sweep_figure,
    sweep_groups,
)
from eval.report.wrong import neighbours_words, wrong_rows
from eval.results.assets import read_predictions
from eval.views.wording import metric_name, origin, setting_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eval.report.groups import LabelledResult
    from eval.results.schema import EvalResult, SweepPoint


def picture_block(name: str, alt: str, make: Callable[[], Figure]) -> PictureBlock:
    """A picture whose figure is made only when it is written."""
    return PictureBlock(f"{name}.svg", alt, make)


def result_sections(labelled: LabelledResult, slug: str) -> list[Section]:
    """A section for the result, and one below it for everything that the result has.

    Args:
        labelled: the result.
        slug: beginning of the names of its pictures.
    """
    result = labelled.result
    sections = [Section(labelled.label, tuple(_facts(result)))]
    subsections: list[tuple[str, list[Block]]] = [
        *_sweeps(labelled, slug),
        ("Arms", list(_arms(labelled, slug))),
        ("Parts", _parts(result)),
        ("Curves", list(_curves(labelled, slug))),
        ("Confidence", list(_confidence(labelled, slug))),
        ("Classes", list(_classes(labelled, slug))),
        ("Wrong predictions", list(_wrong(labelled)) if result.per_class is not None else []),
        ("Prompts as queries", [tables.retrieval_table(result.retrieval)] if result.retrieval else []),
    ]
    return [
        *sections,
        *(Section(f"{labelled.label}: {title}", tuple(blocks), 3) for title, blocks in subsections if blocks),
    ]


def _facts(result: EvalResult) -> Iterator[Block]:
    yield Paragraph(f"{origin(result)}.".replace("\N{NO-BREAK SPACE}", " "))
    if result.chosen is not None and any(result.chosen.settings):
        settings = list(dict.fromkeys(map(setting_words, result.chosen.settings)))
        criterion = result.chosen.criterion
        how = "" if criterion is None else f", chosen by {metric_name(criterion)} on {result.chosen.on}"
        others = f" (in other draws: {'; '.join(settings[1:4])})" if len(settings) > 1 else ""
        yield Paragraph(f"Setting: {settings[0]}{how}{others}.")


def _sweeps(labelled: LabelledResult, slug: str) -> Iterator[tuple[str, list[Block]]]:
    for (arm, role), points in sweep_groups(labelled.result).items():
        axis = sweep_axis(points)
        of = f"of {arm} " if arm else ""
        title = f"Sweep over {axis or 'settings'} {of}on {role}".replace("_", " ")
        name = "-".join(filter(None, (slug, "sweep", slug_of(arm) if arm else "", axis or "settings", role)))
        blocks: list[Block] = list(_sweep_pictures(labelled, points, axis, name, title)) if axis else []
        yield title, [*blocks, tables.sweep_table(points, f"Settings {of}on {role}")]


def _sweep_pictures(
    labelled: LabelledResult, points: list[SweepPoint], axis: str, name: str, title: str
) -> Iterator[PictureBlock]:  # fmt: skip
    result, label = labelled.result, labelled.label
    names = ", ".join(map(metric_name, metrics_of(points)))
    alt = f"{label}: {names} over {axis_name(axis)}; the numbers are in the table below."
    yield picture_block(name, alt, partial(sweep_figure, result, points, axis, f"{label}: {title}"))
    if axis == "alpha":
        alt = f"{label}: every metric at every alpha."
        yield picture_block(
            f"{name}-grid", alt, partial(metric_grid_figure, result, points, axis, f"{label}: alpha and metrics")
        )
    if axis != "shots" and len({point.settings.get("shots") for point in points}) > 1:
        for metric in metrics_of(points)[:1]:
            grid = partial(settings_grid_figure, result, points, "shots", axis, metric, f"{label}: shots and {axis}")
            yield picture_block(f"{name}-shots", f"{label}: {metric_name(metric)} by shots and {axis}.", grid)


def _arms(labelled: LabelledResult, slug: str) -> Iterator[Block]:
    arms = labelled.result.arms
    if not arms:
        return
    yield tables.arms_table(labelled.result)
    if any(arm.gains for arm in arms.values()):
        alt = f"{labelled.label}: gains over each arm with 95 % intervals; the numbers are in the table below."
        yield picture_block(f"{slug}-gains", alt, partial(gains_figure, labelled.result))
        yield tables.gains_table(labelled.result)


def _parts(result: EvalResult) -> list[Block]:
    blocks: list[Block] = []
    if result.parts:
        blocks.append(tables.sections_table("Parts", "part", result.parts))
    if result.slices:
        column = str(result.config.get("slice", "slice"))
        blocks.append(tables.sections_table(f"By {column}", column, result.slices))
    return blocks


def _curves(labelled: LabelledResult, slug: str) -> Iterator[Block]:
    for name, figure in curve_figures(labelled.result).items():
        yield picture_block(
            f"{slug}-{name}", f"{labelled.label}: {name.replace('-', ' ')} curve.", partial(_as_it_is, figure)
        )


def _as_it_is(figure: Figure) -> Figure:
    return figure


def _confidence(labelled: LabelledResult, slug: str) -> Iterator[Block]:
    if confidence_curves(labelled.result, "reliability"):
        alt = f"{labelled.label}: accuracy over confidence, and how many answers have which confidence."
        yield picture_block(f"{slug}-reliability", alt, partial(reliability_figure, labelled.result))
    if confidence_curves(labelled.result, "coverage"):
        alt = f"{labelled.label}: accuracy of the most confident answers, by how many are given."
        yield picture_block(f"{slug}-coverage", alt, partial(coverage_figure, labelled.result))


def _classes(labelled: LabelledResult, slug: str) -> Iterator[Block]:
    if worst_classes(labelled.result):
        alt = f"{labelled.label}: recall and precision of the worst classes; the numbers are in the table below."
        yield picture_block(f"{slug}-classes", alt, partial(worst_classes_figure, labelled.result))
        yield tables.worst_table(labelled.result)
    if involved_classes(labelled.result):
        alt = f"{labelled.label}: truth against answer for the classes of the most confused pairs."
        yield picture_block(f"{slug}-confusion", alt, partial(confusion_figure, labelled.result))
        yield tables.confused_table(labelled.result)


def _wrong(labelled: LabelledResult) -> Iterator[Block]:
    rows = wrong_rows(labelled)
    if rows:
        yield Paragraph(
            f"Each row: the image, then its nearest neighbours among the {neighbours_words(labelled.result)}. A tick "
            "and a solid line: the right label; a cross and a dashed line: another label."
        )
        yield ThumbnailBlock(rows)
    elif rows is None:
        yield Paragraph(
            "No pictures of wrong predictions are stored with this result; evaluate with `out` to write them."
        )
    predictions = read_predictions(labelled.path)
    if predictions is None:
        yield Paragraph("There is no list of predictions beside this result; evaluate with `out` to write it.")
        return
    mistakes = (row for row in predictions if not row.correct)
    confident = heapq.nsmallest(tables.MOST_MISTAKES, mistakes, key=lambda row: (-row.probability, row.id))
    if confident:
        yield tables.mistakes_table(confident)


def slug_of(text: str) -> str:
    """Turn a text into a part of a file name: lower-case ASCII letters and digits, joined by hyphens."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower()).split()
    return "-".join(islice(words, 12))[:60] or "result"


def unique_slugs(labels: list[str]) -> list[str]:
    """One slug per label; equal ones get a number."""
    slugs: list[str] = []
    for label in labels:
        slug, at = slug_of(label), 2
        while slug in slugs:
            slug, at = f"{slug_of(label)}-{at}", at + 1
        slugs.append(slug)
    return slugs
