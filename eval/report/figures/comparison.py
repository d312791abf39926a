"""Figures that compare results: bars of metrics, gains over arms, CMC curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.report.chance import common_chance_levels
from eval.report.figures.panels import Bar, Line, draw_bars, draw_lines, legend_below, legend_height, shortened
from eval.report.figures.style import BLUE, GREY, INK, SMALL, SOFT, head, new_figure, style_axes
from eval.views.wording import (
    NOT_PERCENT,
    counted,
    lower_is_better,
    metric_axis,
    metric_name,
    metric_number,
    origin,
    with_interval,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.report.groups import Group, MetricsRow
    from eval.results.schema import EvalResult, Gain

BAR_METRICS = (
    "top_1",
    "top_5",
    "balanced_accuracy",
    "macro_f1",
    "macro_jaccard",
    "rank_1",
    "rank_5",
    "mean_ap",
    "mean_inp",
)
"""Metrics that have a panel of bars; a group with none of them shows its first metrics."""

MOST_PANELS, MOST_ROWS = 5, 40


def drawn_metrics(names: Sequence[str]) -> list[str]:
    """Choose at most :data:`MOST_PANELS` metrics to draw."""
    fractions = [name for name in names if name not in NOT_PERCENT]
    return ([name for name in BAR_METRICS if name in fractions] or fractions or list(names))[:MOST_PANELS]


def bars_of(rows: Sequence[MetricsRow], metric: str) -> list[Bar]:
    """Bars of one metric, in percent or its own unit: results blue, arms grey; a row without the metric is empty."""
    bars, scale = [], 1 if metric in NOT_PERCENT else 100
    for row in rows:
        value = row.metrics.get(metric)
        if value is None:
            bars.append(Bar(row.label, 0.0))
            continue
        ends = None if value.ci95 is None else (scale * value.ci95[0], scale * value.ci95[1])
        colour = BLUE if row.whole else GREY
        bars.append(Bar(row.label, scale * value.value, ends, metric_number(metric, value.value), colour))
    return bars


def draw_chance(axes: Axes, metric: str, chance: float) -> None:
    """Draw a dashed line at the metric of guessing."""
    axes.axvline(chance if metric in NOT_PERCENT else 100 * chance, color=INK, linewidth=1, linestyle=(0, (3, 2)))


def comparison_figure(group: Group) -> Figure:
    """One panel per metric, one bar per result and arm of a group."""
    rows = group.rows()[:MOST_ROWS]
    metrics = drawn_metrics(group.metrics())
    longest = max(len(shortened(row.label)) for row in rows)
    left, width = 0.25 + 0.078 * longest, 0.55 + 0.078 * longest + 1.75 * len(metrics)
    figure = new_figure(width, 1.55 + 0.31 * max(len(rows), 2))
    notes = [group.title, "Lines: 95 % intervals."]
    if not all(row.whole for row in rows):
        notes[-1] += " Grey: an arm or another method by itself."
    chance = common_chance_levels([labelled.result for labelled in group.results])
    if set(metrics) & set(chance):
        notes[-1] += " Dashed: guessing."
    if len(group.rows()) > len(rows):
        notes.append(f"The first {MOST_ROWS} of {len(group.rows())} rows.")
    head(figure, "Comparison", *notes)
    figure.subplots_adjust(left=left / width, wspace=0.36, right=1 - 0.5 / width)
    for at, metric in enumerate(metrics):
        axes = figure.add_subplot(1, len(metrics), at + 1)
        draw_bars(axes, bars_of(rows, metric), metric_axis(metric), labels=at == 0)
        axes.set_xlim(left=0)
        if metric in chance:
            draw_chance(axes, metric, chance[metric])
    return figure


def gains_figure(result: EvalResult) -> Figure:
    """Gains of the whole over its arms with intervals: one panel per arm, one row per metric, a line at zero."""
    arms = {name: arm.gains for name, arm in (result.arms or {}).items() if arm.gains}
    names = list(dict.fromkeys(key for gains in arms.values() for key in gains if key not in NOT_PERCENT))
    figure = new_figure(1.9 + 3.3 * len(arms), 1.85 + 0.3 * max(len(names), 2))
    note = "Percentage points with paired 95 % intervals; right of zero the whole is higher."
    if any(map(lower_is_better, names)):
        note += " ↓: lower is better."
    head(figure, "Gain over each arm", origin(result), note, titled=True)
    width = figure.get_size_inches()[0]
    figure.subplots_adjust(left=1.75 / width, right=1 - 0.6 / width, wspace=0.28)
    for at, (arm, gains) in enumerate(arms.items()):
        axes = figure.add_subplot(1, len(arms), at + 1)
        draw_gains(axes, names, gains, f"over {arm}", labels=at == 0)
    return figure


def draw_gains(axes: Axes, names: Sequence[str], gains: dict[str, Gain], title: str, *, labels: bool = True) -> None:
    """Draw gains in percentage points with intervals, one row per metric."""
    style_axes(axes, "percentage points", "", shortened(title))
    for row, name in enumerate(names):
        gain = gains.get(name)
        if gain is None:
            continue
        if gain.ci95 is not None:
            axes.hlines(row, 100 * gain.ci95[0], 100 * gain.ci95[1], color=BLUE, linewidth=2.2)
        axes.plot([100 * gain.value], [row], marker="o", markersize=5.5, color=BLUE)
        axes.text(
            1.015, row, with_interval(name, gain.value, None, sign=True), transform=axes.get_yaxis_transform(),
            size=SMALL, color=SOFT, va="center",
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1, linestyle="--")
    marked = [f"{metric_name(name)} ↓" if lower_is_better(name) else metric_name(name) for name in names]
    axes.set_yticks(range(len(names)), marked if labels else [""] * len(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.12)


def cmc_lines(group: Group) -> list[Line]:
    """CMC curves of the results in percent; a group of one result also has those of its parts."""
    lines = []
    for label, _, result in group.results:
        if result.cmc is not None:
            lines.append(_cmc(label, result.cmc))
        if len(group.results) == 1:
            lines += [_cmc(name, part.cmc) for name, part in (result.parts or {}).items() if part.cmc is not None]
    return lines


def cmc_comparison_figure(group: Group) -> Figure:
    """CMC curves of the results of a group in one panel."""
    lines = cmc_lines(group)
    below = legend_height(len(lines))
    figure = new_figure(6.8, 4.6 + below)
    note = origin(group.results[0].result) if len(group.results) == 1 else group.title
    head(figure, "Cumulative match characteristic (CMC)", note, f"Means over draws; {counted(len(lines), 'curve')}.")
    figure.subplots_adjust(bottom=(0.52 + below) / figure.get_size_inches()[1])
    axes = figure.add_subplot()
    draw_cmc(axes, lines)
    legend_below(figure, axes)
    return figure


def draw_cmc(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw CMC curves, in percent over rank."""
    style_axes(axes, "rank k", "queries matched within k (%)")
    draw_lines(axes, lines, star="")
    longest = max(len(line.x) for line in lines)
    ticks = [k for k in (1, 5, 10, 20, 30, 40, 50, 75, 100) if k <= longest]
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.set_ylim(top=101.5)


def _cmc(label: str, values: Sequence[float]) -> Line:
    return Line(label, tuple(map(float, range(1, len(values) + 1))), tuple((100 * np.array(values)).tolist()))
