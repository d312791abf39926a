"""What a report says about one result: its sections, as the result allows."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from eval.report import tables
from eval.report.document import Block, Paragraph, PictureBlock, Section
from eval.report.figures.classes import confusion_figure, involved_classes, worst_classes, worst_classes_figure
from eval.report.figures.comparison import gains_figure
from eval.report.figures.curves import curve_figures
from eval.report.figures.reliability import confidence_curves, coverage_figure, reliability_figure
from eval.report.figures.style import save
from eval.report.figures.sweeps import (
    axis_name,
    metric_grid_figure,
    metrics_of,
    settings_grid_figure,
    sweep_axis,
    sweep_figure,
    sweep_groups,
)
from eval.report.figures.wrong_sheet import MOST, wrong_sheet
from eval.results.assets import read_predictions, read_wrong
from eval.views.wording import metric_name, origin, setting_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eval.report.groups import LabelledResult
    from eval.results.schema import EvalResult, SweepPoint


def drawn(name: str, alt: str, make: Callable[[], Figure]) -> PictureBlock:
    """A picture that is drawn when it is written."""
    return PictureBlock(f"{name}.png", alt, lambda path: save(make(), path))


def result_sections(each: LabelledResult, slug: str) -> list[Section]:
    """A heading for the result, and a section for everything it has; ``slug`` begins the names of its pictures."""
    result = each.result
    sections = [Section(each.label, tuple(_facts(result)))]
    made: list[tuple[str, list[Block]]] = [
        *_sweeps(each, slug),
        ("Arms", list(_arms(each, slug))),
        ("Parts", _parts(result)),
        ("Curves", list(_curves(each, slug))),
        ("Confidence", list(_confidence(each, slug))),
        ("Classes", list(_classes(each, slug))),
        ("WrongPrediction predictions", list(_wrong(each, slug)) if result.per_class is not None else []),
        ("Prompts as queries", [tables.retrieval_table(result.retrieval)] if result.retrieval else []),
    ]
    return [*sections, *(Section(f"{each.label}: {title}", tuple(blocks), 3) for title, blocks in made if blocks)]


def _facts(result: EvalResult) -> Iterator[Block]:
    yield Paragraph(f"{origin(result)}.".replace("\N{NO-BREAK SPACE}", " "))
    if result.chosen is not None and any(result.chosen.settings):
        settings = list(dict.fromkeys(map(setting_words, result.chosen.settings)))
        how = (
            ""
            if result.chosen.criterion is None
            else f", chosen by {metric_name(result.chosen.criterion)} on {result.chosen.on}"
        )
        also = f" (in other draws: {'; '.join(settings[1:4])})" if len(settings) > 1 else ""
        yield Paragraph(f"Setting: {settings[0]}{how}{also}.")
    source = result.provenance
    yield Paragraph(
        f"Store version {source.store_version}, split set {source.split_set} ({source.split_sha256[:16]}), space "
        f"fingerprint {source.space_fingerprint[:16]}, Vitrine {source.vitrine}, made {result.created}."
    )
    for warning in result.warnings:
        yield Paragraph(warning, warning=True)


def _sweeps(each: LabelledResult, slug: str) -> Iterator[tuple[str, list[Block]]]:
    for (arm, role), points in sweep_groups(each.result).items():
        axis = sweep_axis(points)
        of = f"of {arm} " if arm else ""
        title = f"Sweep over {axis or 'settings'} {of}on {role}".replace("_", " ")
        name = "-".join(filter(None, (slug, "sweep", slug_of(arm) if arm else "", axis or "settings", role)))
        blocks: list[Block] = list(_sweep_pictures(each, points, axis, name, title)) if axis else []
        yield title, [*blocks, tables.sweep_table(points, f"Settings {of}on {role}")]


def _sweep_pictures(
    each: LabelledResult, points: list[SweepPoint], axis: str, name: str, title: str
) -> Iterator[PictureBlock]:  # fmt: skip
    result, label = each.result, each.label
    said = ", ".join(map(metric_name, metrics_of(points)))
    alt = f"{label}: {said} over {axis_name(axis)}; the figures are in the table below."
    yield drawn(name, alt, partial(sweep_figure, result, points, axis, f"{label}: {title}"))
    if axis == "alpha":
        alt = f"{label}: every metric at every alpha."
        yield drawn(
            f"{name}-grid", alt, partial(metric_grid_figure, result, points, axis, f"{label}: alpha and metrics")
        )
    if axis != "shots" and len({point.settings.get("shots") for point in points}) > 1:
        for metric in metrics_of(points)[:1]:
            grid = partial(settings_grid_figure, result, points, "shots", axis, metric, f"{label}: shots and {axis}")
            yield drawn(f"{name}-shots", f"{label}: {metric_name(metric)} by shots and {axis}.", grid)


def _arms(each: LabelledResult, slug: str) -> Iterator[Block]:
    arms = each.result.arms
    if not arms:
        return
    yield tables.arms_table(each.result)
    if any(arm.gains for arm in arms.values()):
        alt = f"{each.label}: gains over each arm with 95 % intervals; the figures are in the table below."
        yield drawn(f"{slug}-gains", alt, partial(gains_figure, each.result))
        yield tables.gains_table(each.result)


def _parts(result: EvalResult) -> list[Block]:
    blocks: list[Block] = []
    if result.parts:
        blocks.append(tables.sections_table("Parts", "part", result.parts))
    if result.slices:
        column = str(result.config.get("slice", "slice"))
        blocks.append(tables.sections_table(f"By {column}", column, result.slices))
    return blocks


def _curves(each: LabelledResult, slug: str) -> Iterator[Block]:
    for name, figure in curve_figures(each.result).items():
        yield drawn(f"{slug}-{name}", f"{each.label}: {name.replace('-', ' ')} curve.", partial(_given, figure))


def _given(figure: Figure) -> Figure:
    return figure


def _confidence(each: LabelledResult, slug: str) -> Iterator[Block]:
    if confidence_curves(each.result, "reliability"):
        alt = f"{each.label}: accuracy over confidence, and how many answers have which confidence."
        yield drawn(f"{slug}-reliability", alt, partial(reliability_figure, each.result))
    if confidence_curves(each.result, "coverage"):
        alt = f"{each.label}: accuracy of the most confident answers, by how many are given."
        yield drawn(f"{slug}-coverage", alt, partial(coverage_figure, each.result))


def _classes(each: LabelledResult, slug: str) -> Iterator[Block]:
    if worst_classes(each.result):
        alt = f"{each.label}: recall and precision of the worst classes; the figures are in the table below."
        yield drawn(f"{slug}-classes", alt, partial(worst_classes_figure, each.result))
        yield tables.worst_table(each.result)
    if involved_classes(each.result):
        alt = f"{each.label}: truth against answer for the classes of the most confused pairs."
        yield drawn(f"{slug}-confusion", alt, partial(confusion_figure, each.result))
        yield tables.confused_table(each.result)


def _wrong(each: LabelledResult, slug: str) -> Iterator[Block]:
    wrong = read_wrong(each.path)
    if wrong:
        shown = wrong[:MOST]
        words = "; ".join(f"{one.label} taken for {one.predicted}" for one in shown)
        yield Paragraph("Each row: the image, then its nearest neighbours; green frames have the right label.")
        draw = partial(wrong_sheet, each.path, shown)
        yield PictureBlock(
            f"{slug}-wrong.png", f"{each.label}: wrong predictions with their nearest neighbours: {words}.", draw
        )
    elif wrong is None:
        yield Paragraph("No pictures of wrong predictions stand beside this result; evaluate with `out` to write them.")
    predictions = read_predictions(each.path)
    if predictions is None:
        yield Paragraph("There is no list of predictions beside this result; evaluate with `out` to write it.")
        return
    wrongly = (one for one in predictions if not one.correct)
    mistakes = heapq.nsmallest(tables.MOST_MISTAKES, wrongly, key=lambda one: (-one.probability, one.id))
    if mistakes:
        yield tables.mistakes_table(mistakes)


def slug_of(text: str) -> str:
    """A text as part of a file name: lower-case letters and digits of ASCII, joined by hyphens."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower()).split()
    return "-".join(islice(words, 12))[:60] or "result"


def unique_slugs(labels: list[str]) -> list[str]:
    """One slug per label; a number keeps equal ones apart."""
    found: list[str] = []
    for label in labels:
        slug, at = slug_of(label), 2
        while slug in found:
            slug, at = f"{slug_of(label)}-{at}", at + 1
        found.append(slug)
    return found
