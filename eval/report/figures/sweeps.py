"""Figures of sweeps: metrics over temperature, alpha, k or shots, as lines and as grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.report.figures.panels import Line, draw_grid, draw_lines, frame_cell, legend_below, legend_height
from eval.report.figures.style import INK, TEXT, head, new_figure, style_axes
from eval.views.wording import (
    NOT_PERCENT,
    SYMBOLS,
    counted,
    lower_is_better,
    metric_axis,
    metric_name,
    metric_number,
    origin,
    value_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from eval.results.schema import EvalResult, SweepPoint

AXES = {"temperature": True, "alpha": False, "k": True, "c": True, "beta": True, "tau": True, "shots": True}
"""Options that may be the axis of a sweep, in order of preference, and whether the axis is logarithmic."""

SHOWN = ("top_1", "top_5", "balanced_accuracy", "macro_f1")
MOST_LINES = 12
_UNNAMED = frozenset({"bank", "pool", "votes", "method"})
"""Options that a label gives by their value alone."""


def sweep_groups(result: EvalResult) -> dict[tuple[str | None, str], list[SweepPoint]]:
    """Group the points of a sweep by arm and role; those of the whole (arm None) come first."""
    groups: dict[tuple[str | None, str], list[SweepPoint]] = {}
    for point in sorted(result.sweep or (), key=lambda point: point.arm is not None):
        groups.setdefault((point.arm, point.role), []).append(point)
    return groups


def sweep_axis(points: Sequence[SweepPoint]) -> str | None:
    """The option to draw a sweep over: the first of :data:`AXES` that has several numbers; None if none has."""
    return next((key for key in AXES if len({_value(point, key) for point in points} - {None}) > 1), None)


def best_point(points: Sequence[SweepPoint], metric: str) -> SweepPoint:
    """The point with the best value of ``metric``; the first of equal ones."""
    sign = -1 if lower_is_better(metric) else 1
    return max(points, key=lambda point: sign * point.metrics[metric])


def metrics_of(points: Sequence[SweepPoint]) -> list[str]:
    """Up to four metrics that all points have, those of :data:`SHOWN` if any is among them."""
    common = [name for name in points[0].metrics if all(name in point.metrics for point in points)]
    usual = [name for name in SHOWN if name in common]
    return usual or common[:4]


def chosen_setting(result: EvalResult, points: Sequence[SweepPoint]) -> tuple[SweepPoint, float] | None:
    """The point that was chosen in most draws, and the share of draws; None where none was chosen."""
    arm, role = points[0].arm, points[0].role
    chosen = (
        result.chosen if arm is None or not result.arms else result.arms[arm].chosen if arm in result.arms else None
    )
    if chosen is not None and chosen.on == role:
        choices = [point for setting in chosen.settings for point in points if point.settings == setting]
        if choices:
            point = max(choices, key=choices.count)
            return point, choices.count(point) / len(chosen.settings)
    point = max(points, key=lambda point: point.chosen)
    return (point, point.chosen) if point.chosen else None


def sweep_lines(points: Sequence[SweepPoint], axis: str, metric: str, chosen: SweepPoint | None = None) -> list[Line]:
    """One line per combination of the other options that vary, in order of first appearance.

    Of more than :data:`MOST_LINES` lines those with the best value are kept.
    """
    series: dict[str, list[SweepPoint]] = {}
    varied = _varied(points, axis)
    for point in points:
        series.setdefault(_label(point, varied), []).append(point)
    ranked = sorted(series, key=lambda label: -best_point(series[label], metrics_of(points)[0]).metrics[metric])
    kept = set(ranked[:MOST_LINES])
    return [_line(label, line, axis, metric, chosen) for label, line in series.items() if label in kept]


def sweep_figure(result: EvalResult, points: Sequence[SweepPoint], axis: str, title: str) -> Figure:
    """Panels of one metric each over an option; a ring marks the chosen setting, a star the best of the panel."""
    chosen = chosen_setting(result, points)
    ring = None if chosen is None else chosen[0]
    panels = {metric: sweep_lines(points, axis, metric, ring) for metric in metrics_of(points)}
    return _panels(title, (origin(result, points[0].role), sweep_note(result, points)), panels, axis)


def overlay_figure(sweeps: Mapping[str, Sequence[SweepPoint]], axis: str, title: str, note: str) -> Figure:
    """Panels as those of :func:`sweep_figure`, each with the best line of every result."""
    common = [set(metrics_of(points)) for points in sweeps.values()]
    metrics = [name for name in metrics_of(next(iter(sweeps.values()))) if all(name in names for names in common)]
    role = next(iter(sweeps.values()))[0].role
    words = f"On {role}; of every result the line with the best value; star: best of the panel."
    panels = {metric: overlay_lines(sweeps, axis, metric) for metric in metrics}
    return _panels(title, (note, words), panels, axis)


def overlay_lines(sweeps: Mapping[str, Sequence[SweepPoint]], axis: str, metric: str) -> list[Line]:
    """The best line of each result's sweep, labelled as the result."""
    return [
        max(lines, key=lambda line: max(line.y))._replace(label=label)
        for label, points in sweeps.items()
        if (lines := [line for line in sweep_lines(points, axis, metric) if not line.level])
    ]


def _panels(title: str, notes: Sequence[str], panels: Mapping[str, Sequence[Line]], axis: str) -> Figure:
    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    below = legend_height(len(next(iter(panels.values()))))
    figure = new_figure(max(4.5 * columns, 6.4), 1.35 + 2.45 * rows + below)
    head(figure, title, *notes, titled=True)
    figure.subplots_adjust(hspace=0.36, wspace=0.16, bottom=(0.52 + below) / figure.get_size_inches()[1])
    for at, (metric, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, at + 1)
        draw_sweep(axes, lines, axis, metric, labelled=at + columns >= len(panels))
    legend_below(figure, figure.axes[0])
    return figure


def draw_sweep(
    axes: Axes, lines: Sequence[Line], axis: str, metric: str, *, labelled: bool = True, gap: float = 0.085
) -> None:
    """Draw the lines of one metric over an option."""
    style_axes(axes, axis_name(axis) if labelled else "", "", metric_axis(metric))
    log = AXES[axis] and all(x > 0 for line in lines for x in line.x)
    draw_lines(axes, lines, log=log, star="lowest" if lower_is_better(metric) else "highest", gap=gap)


def sweep_note(result: EvalResult, points: Sequence[SweepPoint]) -> str:
    """Say which role a sweep is on, and explain the marks."""
    words = [f"{counted(len(points), 'setting')} on {points[0].role}", "star: best of the panel"]
    chosen = chosen_setting(result, points)
    if chosen is not None:
        share = "" if chosen[1] == 1 else f", in {100 * chosen[1]:.0f} % of the draws"
        criterion = None if result.chosen is None else result.chosen.criterion
        by = "" if criterion is None else f" by {metric_name(criterion)}"
        words.append(f"ring: chosen{by}{share}")
    if any(point.sd_seeds_of for point in points):
        words.append("band: ± one standard deviation over seeds")
    return "; ".join(words) + "."


def axis_name(axis: str) -> str:
    """Name an axis: ``temperature T, logarithmic``."""
    words = {"temperature": "temperature T", "alpha": f"{SYMBOLS['alpha']} (weight of the last arm)"}
    name = words.get(axis, "shots per class" if axis == "shots" else axis)
    return f"{name}, logarithmic" if AXES[axis] else name


def metric_grid_figure(result: EvalResult, points: Sequence[SweepPoint], axis: str, title: str) -> Figure:
    """Grid of metrics over the values of an option: each row is shaded from worst to best, the best is framed."""
    places = sorted({x for point in points if (x := _value(point, axis)) is not None})
    metrics = [name for name in points[0].metrics if all(name in point.metrics for point in points)]
    best = {x: [p for p in points if _value(p, axis) == x] for x in places}
    cells = np.array([[best_point(best[x], name).metrics[name] for x in places] for name in metrics])
    figure = new_figure(max(6.4, 1.9 + 0.62 * len(places)), 1.55 + 0.36 * len(metrics))
    note = f"On {points[0].role}; every row is shaded from its worst to its best value, which is framed."
    head(figure, title, origin(result, points[0].role), note)
    figure.subplots_adjust(left=1.75 / figure.get_size_inches()[0])
    axes = figure.add_subplot()
    signs = np.array([[-1.0 if lower_is_better(name) else 1.0] for name in metrics])
    texts = [[metric_number(name, value) for value in row] for name, row in zip(metrics, cells, strict=True)]
    draw_grid(axes, _by_row(signs * cells), [metric_name(m) for m in metrics], list(map(value_words, places)), texts)
    for row, values in enumerate(signs * cells):
        frame_cell(axes, row, int(np.argmax(values)))
    axes.set_xlabel(axis_name(axis), size=TEXT, color=INK)
    return figure


def settings_grid_figure(
    result: EvalResult, points: Sequence[SweepPoint], rows: str, columns: str, metric: str, title: str
) -> Figure:
    """Grid of one metric over the values of two options; the best cell is framed."""
    down, across = (sorted({x for p in points if (x := _value(p, key)) is not None}) for key in (rows, columns))
    cells = np.full((len(down), len(across)), np.nan)
    for point in points:
        y, x = _value(point, rows), _value(point, columns)
        if x is not None and y is not None:
            place = (down.index(y), across.index(x))
            cells[place] = np.fmax(cells[place], point.metrics[metric])
    figure = new_figure(max(6.4, 1.5 + 0.62 * len(across)), 1.6 + 0.36 * len(down))
    head(
        figure, title, origin(result, points[0].role), f"{metric_name(metric)} on {points[0].role}; the best is framed."
    )
    figure.subplots_adjust(left=1.0 / figure.get_size_inches()[0])
    axes = figure.add_subplot()
    texts = [["" if np.isnan(value) else metric_number(metric, value) for value in row] for row in cells]
    draw_grid(axes, _scaled(cells), list(map(value_words, down)), list(map(value_words, across)), texts)
    frame_cell(axes, *divmod(int(np.nanargmax(cells)), len(across)))
    axes.set_xlabel(axis_name(columns), size=TEXT, color=INK)
    axes.set_ylabel(axis_name(rows).partition(",")[0], size=TEXT, color=INK)
    return figure


def _line(label: str, points: Sequence[SweepPoint], axis: str, metric: str, chosen: SweepPoint | None) -> Line:
    scale = 1.0 if metric in NOT_PERCENT else 100.0
    if all(_value(point, axis) is None for point in points):
        return Line(label, (), (scale * best_point(points, metric).metrics[metric],), level=True)
    order = sorted((x, at) for at, point in enumerate(points) if (x := _value(point, axis)) is not None)
    ordered = [points[at] for _, at in order]
    values = [scale * point.metrics[metric] for point in ordered]
    spread = [scale * (point.sd_seeds_of or {}).get(metric, 0.0) for point in ordered]
    band = None
    if any(spread):
        ends = [(value - sd, value + sd) for value, sd in zip(values, spread, strict=True)]
        band = (tuple(low for low, _ in ends), tuple(high for _, high in ends))
    place = next((at for at, point in enumerate(ordered) if point is chosen), None)
    return Line(label, tuple(x for x, _ in order), tuple(values), band=band, chosen=place)


def _varied(points: Sequence[SweepPoint], axis: str) -> list[str]:
    """The options other than the axis that take several values."""
    keys = dict.fromkeys(key for point in points for key in point.settings if key != axis)
    return [key for key in keys if len({point.settings.get(key) for point in points}) > 1]


def _label(point: SweepPoint, keys: Sequence[str]) -> str:
    words = []
    for key in keys:
        value = point.settings.get(key)
        if value is not None:
            words.append(value_words(value) if key in _UNNAMED else f"{SYMBOLS.get(key, key)} {value_words(value)}")
    return ", ".join(words) or "all"


def _value(point: SweepPoint, key: str) -> float | None:
    value = point.settings.get(key)
    return float(value) if isinstance(value, int | float) else None


def _scaled(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.nanmin(cells), np.nanmax(cells)
    scaled: NDArray[np.float64] = (cells - low) / max(high - low, 1e-12)
    return scaled


def _by_row(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([_scaled(row) for row in cells])
