"""The overview of a report: small figures of the best result, and bars of all results."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from eval.report.chance import common_chance_levels
from eval.report.figures.classes import draw_worst, worst_classes
from eval.report.figures.comparison import bars_of, cmc_lines, draw_chance, draw_cmc, draw_gains
from eval.report.figures.curves import draw_roc, draw_scores
from eval.report.figures.panels import draw_bars, legend_below, legend_height, shortened
from eval.report.figures.reliability import (
    confidence_curves,
    coverage_lines,
    draw_coverage,
    draw_reliability,
    stated_error,
)
from eval.report.figures.style import head, new_figure, style_axes
from eval.report.figures.sweeps import chosen_setting, draw_sweep, metrics_of, sweep_axis, sweep_groups, sweep_lines
from eval.report.groups import Group
from eval.views.wording import (
    NOT_PERCENT,
    SYMBOLS,
    headline_method,
    lower_is_better,
    metric_axis,
    metric_name,
    metric_number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.report.groups import LabelledResult

MOST_BARS, MOST_CLASSES, MOST_SERIES, LONGEST = 24, 8, 6, 24
WIDTH, HEIGHT = 4.3, 3.3
"""Size of a panel in inches; one with many bars is higher."""


def overview_figures(group: Group) -> dict[str, Callable[[], Figure]]:
    """Functions that draw the panels of a group by name: bars of all results, then what the best result has."""
    makers = {"bars": _bars(group)}
    best = group.results[0]
    for name, make in _MAKERS.items():
        panel = make(best)
        if panel is not None:
            makers[name] = panel
    return {name: partial(_figure, panel) for name, panel in makers.items()}


def _figure(panel: Panel) -> Figure:
    """Draw a panel below its title and note, with its legend where it has one."""
    below = legend_height(panel.labels, 1)
    figure = new_figure(WIDTH, max(HEIGHT, 1.4 + 0.27 * panel.bars) + below)
    head(figure, panel.title, panel.note, titled=panel.titled)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=(0.68 + panel.left) / width, right=1 - panel.right / width, bottom=(0.52 + below) / height
    )
    axes = figure.add_subplot()
    panel.draw(axes)
    if panel.labels > 1:
        legend_below(figure, axes, 1)
    return figure


class Panel(NamedTuple):
    """A small figure: its title, a note, and what draws it.

    ``labels`` and ``bars`` are their numbers, ``left`` and ``right`` more room at the sides in inches; ``titled`` says
    that the axes have a title.
    """

    title: str
    note: str
    draw: Callable[[Axes], None]
    labels: int = 0
    bars: int = 0
    left: float = 0.0
    right: float = 0.2
    titled: bool = False


def _bars(group: Group) -> Panel:
    rows, metric = group.rows(), group.headline
    shown = [row for row in rows if metric in row.metrics][:MOST_BARS]
    chance = common_chance_levels([labelled.result for labelled in group.results]).get(metric)

    def draw(axes: Axes) -> None:
        draw_bars(axes, bars_of(shown, metric), metric_axis(metric), longest=LONGEST)
        axes.set_xlim(left=0)
        if chance is not None:
            draw_chance(axes, metric, chance)

    more = f", the first {len(shown)} of {len(rows)}" if len(rows) > len(shown) else ""
    grey = "" if all(row.whole for row in shown) else "; grey: an arm or another method"
    note = f"Lines: 95 % intervals{grey}{more}."
    if chance is not None:
        note += f" Dashed: guessing, {metric_number(metric, chance)}."
    longest = max(len(shortened(row.label, LONGEST)) for row in shown)
    return Panel(f"{metric_name(metric)} of all results", note, draw, 0, len(shown), 0.075 * longest - 0.4, 0.55)


def _sweep(labelled: LabelledResult) -> Panel | None:
    for (arm, role), points in sweep_groups(labelled.result).items():
        axis = sweep_axis(points)
        if axis is not None:
            metric = metrics_of(points)[0]
            chosen = chosen_setting(labelled.result, points)
            lines = sweep_lines(points, axis, metric, None if chosen is None else chosen[0])[:MOST_SERIES]
            of = "" if arm is None else f" of {arm}"
            title = f"{metric_name(metric)} over {SYMBOLS.get(axis, axis)}{of}, on {role}"
            note = f"{shortened(labelled.label)}. Star: best{'' if chosen is None else '; ring: chosen'}."
            draw = partial(draw_sweep, lines=lines, axis=axis, metric=metric, gap=0.13)
            return Panel(title, note, draw, len(lines), titled=True)
    return None


def _gains(labelled: LabelledResult) -> Panel | None:
    gains = [(name, arm) for name, arm in (labelled.result.arms or {}).items() if arm.gains and arm.metrics]
    if not gains:
        return None
    headline = next(iter(labelled.result.metrics))
    name_of_best, best = max(gains, key=lambda pair: (pair[1].metrics or {})[headline].value)
    gains_over_best = best.gains or {}
    names = [name for name in gains_over_best if name not in NOT_PERCENT]
    lower = "; ↓: lower is better" if any(map(lower_is_better, names)) else ""
    note = f"{shortened(labelled.label)}; paired 95 % intervals{lower}."
    draw = partial(draw_gains, names=names, gains=gains_over_best, title="")
    first = headline_method(labelled.result)
    title = f"Gain over {shortened(name_of_best, 24)}, the better arm"
    if first is not None:
        title = f"{shortened(first, 16)} less {shortened(name_of_best, 16)}, the best other"
    return Panel(title, note, draw, 0, len(names), 0.9, 0.55)


def _cmc(labelled: LabelledResult) -> Panel | None:
    lines = cmc_lines(Group((labelled,)))[:MOST_SERIES]
    note = f"{shortened(labelled.label)}; means over draws."
    return Panel("Queries matched within rank k", note, partial(draw_cmc, lines=lines), len(lines)) if lines else None


def _roc(labelled: LabelledResult) -> Panel | None:
    curve = (labelled.result.curves or {}).get("roc")
    note = f"{shortened(labelled.label)}. Dotted: guessing."
    return Panel("True positives over false ones (ROC)", note, partial(draw_roc, curve=curve)) if curve else None


def _scores(labelled: LabelledResult) -> Panel | None:
    if not {"genuine", "impostor"} <= set(labelled.result.curves or {}):
        return None
    labels = 2 + len(labelled.result.thresholds or {})
    note = f"{shortened(labelled.label)}. Vertical lines: thresholds."
    return Panel("Genuine and impostor scores", note, partial(draw_scores, result=labelled.result), labels)


def _reliability(labelled: LabelledResult) -> Panel | None:
    curves = confidence_curves(labelled.result, "reliability")
    if not curves:
        return None
    name, curve = next(iter(curves.items()))

    def draw(axes: Axes) -> None:
        draw_reliability(axes, curve, "")
        style_axes(axes, "confidence (%)", "accuracy (%)")

    note = f"{shortened(labelled.label)}. Dotted: confidence is accuracy; orange: the gap."
    return Panel(f"Reliability: ECE {100 * stated_error(labelled.result, name, curve):.1f} %", note, draw)


def _coverage(labelled: LabelledResult) -> Panel | None:
    lines = coverage_lines(labelled.result)[:MOST_SERIES]
    note = f"{shortened(labelled.label)}; the surest answers first."
    draw = partial(draw_coverage, lines=lines)
    return Panel("Accuracy of the answers given", note, draw, len(lines)) if lines else None


def _worst(labelled: LabelledResult) -> Panel | None:
    worst = worst_classes(labelled.result, MOST_CLASSES)
    if not worst:
        return None
    longest = max(len(shortened(name, LONGEST)) for name, _ in worst)
    note = f"{shortened(labelled.label)}. Bars: recall; diamonds: precision."
    draw = partial(draw_worst, worst=worst, longest=LONGEST)
    return Panel("Worst classes", note, draw, 0, len(worst), 0.075 * longest - 0.4, 1.15)


_MAKERS = {
    "sweep": _sweep, "gains": _gains, "cmc": _cmc, "roc": _roc, "scores": _scores, "reliability": _reliability,
    "coverage": _coverage, "worst": _worst,
}  # fmt: skip
