"""The overview figure of a report: its main panels, small, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from eval.report.figures.classes import draw_worst, worst_classes
from eval.report.figures.comparison import bars_of, cmc_lines, draw_cmc, draw_gains, drawn_metrics
from eval.report.figures.panels import draw_bars, shortened
from eval.report.figures.reliability import (
    confidence_curves,
    coverage_lines,
    draw_coverage,
    draw_reliability,
    stated_error,
)
from eval.report.figures.style import TEXT, head, new_figure, style_axes
from eval.report.figures.sweeps import chosen_setting, draw_sweep, metrics_of, sweep_axis, sweep_groups, sweep_lines
from eval.report.groups import Group
from eval.views.wording import NOT_PERCENT, counted, metric_axis, metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.report.groups import LabelledResult

    Panel: TypeAlias = tuple[str, Callable[[Axes], None]]

MOST_PANELS, MOST_BARS, MOST_CLASSES = 6, 8, 8


def overview_figure(groups: Sequence[Group], title: str) -> Figure:
    """At most six panels for the first group; each shows the first result that has the data for it."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    panels = list(_panels(groups[0]))[:MOST_PANELS]
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = new_figure(max(4.3 * columns, 6.4), 1.0 + 3.1 * rows)
    notes = [groups[0].title]
    if len(groups) > 1:
        notes.append(f"The first of {len(groups)} groups of results; those over other classes or samples are not here.")
    head(figure, shortened(title, 100), *notes)
    height = figure.get_size_inches()[1]
    top = 1 - (0.62 + 0.165 * len(notes)) / height
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0.005, 0.01, 0.99, top - 0.01), w_pad=0.12, h_pad=0.1))
    for at, (name, draw) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, at + 1)
        draw(axes)
        axes.set_title(name, size=TEXT, loc="left", parse_math=False)
    return figure


def _panels(group: Group) -> Iterator[Panel]:
    yield _bars(group)
    for make in (_sweep, _gains, _cmc, _reliability, _coverage, _worst):
        panel = next(filter(None, map(make, group.results)), None)
        if panel is not None:
            yield panel


def _bars(group: Group) -> Panel:
    rows, metric = group.rows()[:MOST_BARS], drawn_metrics(group.metrics())[0]

    def draw(axes: Axes) -> None:
        draw_bars(axes, bars_of(rows, metric), metric_axis(metric))
        axes.set_xlim(left=0)

    more = f" (the first of {counted(len(group.rows()), 'row')})" if len(group.rows()) > len(rows) else ""
    return f"{metric_name(metric)} with 95 % interval{more}", draw


def _sweep(labelled: LabelledResult) -> Panel | None:
    for (_, role), points in sweep_groups(labelled.result).items():
        axis = sweep_axis(points)
        if axis is not None:
            metric = metrics_of(points)[0]
            chosen = chosen_setting(labelled.result, points)
            lines = sweep_lines(points, axis, metric, None if chosen is None else chosen[0])
            title = f"{metric_name(metric)} on {role}: {shortened(labelled.label, 28)}"
            return title, partial(draw_sweep, lines=lines, axis=axis, metric=metric, gap=0.13)
    return None


def _gains(labelled: LabelledResult) -> Panel | None:
    gains = [(name, arm) for name, arm in (labelled.result.arms or {}).items() if arm.gains and arm.metrics]
    if not gains:
        return None
    headline = next(iter(labelled.result.metrics))
    name_of_best, best = max(gains, key=lambda pair: (pair[1].metrics or {})[headline].value)
    gains_over_best = best.gains or {}
    names = [name for name in gains_over_best if name not in NOT_PERCENT]
    title = f"gain over {shortened(name_of_best, 20)}: {shortened(labelled.label, 24)}"
    return title, partial(draw_gains, names=names, gains=gains_over_best, title="")


def _cmc(labelled: LabelledResult) -> Panel | None:
    lines = cmc_lines(Group((labelled,)))[:1]
    return (f"CMC: {shortened(labelled.label)}", partial(draw_cmc, lines=lines)) if lines else None


def _reliability(labelled: LabelledResult) -> Panel | None:
    curves = confidence_curves(labelled.result, "reliability")
    if not curves:
        return None
    name, curve = next(iter(curves.items()))

    def draw(axes: Axes) -> None:
        draw_reliability(axes, curve, "")
        style_axes(axes, "confidence (%)", "accuracy (%)")

    return (
        f"reliability, ECE {100 * stated_error(labelled.result, name, curve):.1f} %: {shortened(labelled.label, 24)}",
        draw,
    )


def _coverage(labelled: LabelledResult) -> Panel | None:
    lines = coverage_lines(labelled.result)[:1]
    title = f"accuracy over coverage: {shortened(labelled.label, 24)}"
    return (title, partial(draw_coverage, lines=lines)) if lines else None


def _worst(labelled: LabelledResult) -> Panel | None:
    worst = worst_classes(labelled.result, MOST_CLASSES)
    return (f"worst classes: {shortened(labelled.label)}", partial(draw_worst, worst=worst)) if worst else None
