"""Pictures of sweeps: figures over temperature, alpha, k or shots, as lines and as grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.report.figures.panels import Line, draw_grid, draw_lines, frame_cell, legend_below, legend_height
from eval.report.figures.style import INK, TEXT, dress, head, new_figure
from eval.views.wording import (
    LOWER_IS_BETTER,
    NOT_PERCENT,
    SYMBOLS,
    counted,
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
"""Settings that may be the axis of a sweep, the first that varies, and whether it is logarithmic."""

SHOWN = ("top_1", "top_5", "balanced_accuracy", "macro_f1")
MOST_LINES = 12
_NAMELESS = frozenset({"bank", "pool", "votes", "method"})
"""Settings whose value speaks for itself."""


def sweep_groups(result: EvalResult) -> dict[tuple[str | None, str], list[SweepPoint]]:
    """The points of a sweep by arm and role; those of the whole come first."""
    groups: dict[tuple[str | None, str], list[SweepPoint]] = {}
    for point in sorted(result.sweep or (), key=lambda point: point.arm is not None):
        groups.setdefault((point.arm, point.role), []).append(point)
    return groups


def sweep_axis(points: Sequence[SweepPoint]) -> str | None:
    """The setting to draw a sweep over: the first of :data:`AXES` with several positive or zero numbers."""
    return next((key for key in AXES if len({_value(point, key) for point in points} - {None}) > 1), None)


def best_point(points: Sequence[SweepPoint], metric: str) -> SweepPoint:
    """The point with the best figure; the first of equal ones."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max(points, key=lambda point: sign * point.metrics[metric])


def metrics_of(points: Sequence[SweepPoint]) -> list[str]:
    """Metrics that all points have: the usual four if they are there, else what there is."""
    common = [name for name in points[0].metrics if all(name in point.metrics for point in points)]
    usual = [name for name in SHOWN if name in common]
    return usual or common[:4]


def chosen_setting(result: EvalResult, points: Sequence[SweepPoint]) -> tuple[SweepPoint, float] | None:
    """The point that most draws took, and in which share of them; None where none was chosen."""
    arm, role = points[0].arm, points[0].role
    chosen = (
        result.chosen if arm is None or not result.arms else result.arms[arm].chosen if arm in result.arms else None
    )
    if chosen is not None and chosen.on == role:
        taken = [point for setting in chosen.settings for point in points if point.settings == setting]
        if taken:
            point = max(taken, key=taken.count)
            return point, taken.count(point) / len(chosen.settings)
    point = max(points, key=lambda point: point.chosen)
    return (point, point.chosen) if point.chosen else None


def sweep_lines(points: Sequence[SweepPoint], axis: str, metric: str, chosen: SweepPoint | None = None) -> list[Line]:
    """One line per combination of the other settings that vary, in the order they were first seen.

    Of more than :data:`MOST_LINES` the best by their highest figure are kept.
    """
    series: dict[str, list[SweepPoint]] = {}
    varied = _varied(points, axis)
    for point in points:
        series.setdefault(_label(point, varied), []).append(point)
    ranked = sorted(series, key=lambda label: -best_point(series[label], metrics_of(points)[0]).metrics[metric])
    kept = set(ranked[:MOST_LINES])
    return [_line(label, found, axis, metric, chosen) for label, found in series.items() if label in kept]


def sweep_figure(result: EvalResult, points: Sequence[SweepPoint], axis: str, title: str) -> Figure:
    """Two by two panels, a metric each, over a setting; ring and star mark the chosen and the best."""
    chosen = chosen_setting(result, points)
    ring = None if chosen is None else chosen[0]
    made = {metric: sweep_lines(points, axis, metric, ring) for metric in metrics_of(points)}
    return _panels(title, (origin(result, points[0].role), sweep_note(result, points)), made, axis)


def overlay_figure(sweeps: Mapping[str, Sequence[SweepPoint]], axis: str, title: str, note: str) -> Figure:
    """The best line of every result, one over the other, in panels as those of :func:`sweep_figure`."""
    common = [set(metrics_of(points)) for points in sweeps.values()]
    metrics = [name for name in metrics_of(next(iter(sweeps.values()))) if all(name in found for found in common)]
    role = next(iter(sweeps.values()))[0].role
    words = f"On {role}; of every result the line with the best figure; star: best of the panel."
    made = {metric: overlay_lines(sweeps, axis, metric) for metric in metrics}
    return _panels(title, (note, words), made, axis)


def overlay_lines(sweeps: Mapping[str, Sequence[SweepPoint]], axis: str, metric: str) -> list[Line]:
    """The best line of several results' sweeps, one each, by label."""
    return [
        max(found, key=lambda line: max(line.y))._replace(label=label)
        for label, points in sweeps.items()
        if (found := [line for line in sweep_lines(points, axis, metric) if not line.level])
    ]


def _panels(title: str, notes: Sequence[str], made: Mapping[str, Sequence[Line]], axis: str) -> Figure:
    rows, columns = -(-len(made) // 2), min(2, len(made))
    below = legend_height(len(next(iter(made.values()))))
    figure = new_figure(max(4.5 * columns, 6.4), 1.35 + 2.45 * rows + below)
    head(figure, title, *notes, titled=True)
    figure.subplots_adjust(hspace=0.36, wspace=0.16, bottom=(0.52 + below) / figure.get_size_inches()[1])
    for at, (metric, lines) in enumerate(made.items()):
        axes = figure.add_subplot(rows, columns, at + 1)
        draw_sweep(axes, lines, axis, metric, labelled=at + columns >= len(made))
    legend_below(figure, figure.axes[0])
    return figure


def draw_sweep(
    axes: Axes, lines: Sequence[Line], axis: str, metric: str, *, labelled: bool = True, gap: float = 0.085
) -> None:
    """Draw the lines of one metric."""
    dress(axes, axis_name(axis) if labelled else "", "", metric_axis(metric))
    log = AXES[axis] and all(x > 0 for line in lines for x in line.x)
    draw_lines(axes, lines, log=log, star="lowest" if metric in LOWER_IS_BETTER else "highest", gap=gap)


def sweep_note(result: EvalResult, points: Sequence[SweepPoint]) -> str:
    """Which role a sweep is on, and what the marks mean."""
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
    """``temperature T (logarithmic)``."""
    words = {"temperature": "temperature T", "alpha": f"{SYMBOLS['alpha']} (weight of the last arm)"}
    name = words.get(axis, "shots per class" if axis == "shots" else axis)
    return f"{name}, logarithmic" if AXES[axis] else name


def metric_grid_figure(result: EvalResult, points: Sequence[SweepPoint], axis: str, title: str) -> Figure:
    """A setting against metrics: each row is shaded from its lowest to its highest figure, the best is framed."""
    places = sorted({x for point in points if (x := _value(point, axis)) is not None})
    metrics = [name for name in points[0].metrics if all(name in point.metrics for point in points)]
    best = {x: [p for p in points if _value(p, axis) == x] for x in places}
    cells = np.array([[best_point(best[x], name).metrics[name] for x in places] for name in metrics])
    figure = new_figure(max(6.4, 1.9 + 0.62 * len(places)), 1.55 + 0.36 * len(metrics))
    note = f"On {points[0].role}; every row is shaded from its worst to its best figure, which is framed."
    head(figure, title, origin(result, points[0].role), note)
    figure.subplots_adjust(left=1.75 / figure.get_size_inches()[0])
    axes = figure.add_subplot()
    signs = np.array([[-1.0 if name in LOWER_IS_BETTER else 1.0] for name in metrics])
    texts = [[metric_number(name, value) for value in row] for name, row in zip(metrics, cells, strict=True)]
    draw_grid(axes, _by_row(signs * cells), [metric_name(m) for m in metrics], list(map(value_words, places)), texts)
    for row, values in enumerate(signs * cells):
        frame_cell(axes, row, int(np.argmax(values)))
    axes.set_xlabel(axis_name(axis), size=TEXT, color=INK)
    return figure


def settings_grid_figure(
    result: EvalResult, points: Sequence[SweepPoint], rows: str, columns: str, metric: str, title: str
) -> Figure:
    """Two settings against each other, one metric; the best cell is framed."""
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
    there = sorted((x, at) for at, point in enumerate(points) if (x := _value(point, axis)) is not None)
    ordered = [points[at] for _, at in there]
    values = [scale * point.metrics[metric] for point in ordered]
    spread = [scale * (point.sd_seeds_of or {}).get(metric, 0.0) for point in ordered]
    band = None
    if any(spread):
        ends = [(value - sd, value + sd) for value, sd in zip(values, spread, strict=True)]
        band = (tuple(low for low, _ in ends), tuple(high for _, high in ends))
    place = next((at for at, point in enumerate(ordered) if point is chosen), None)
    return Line(label, tuple(x for x, _ in there), tuple(values), band=band, chosen=place)


def _varied(points: Sequence[SweepPoint], axis: str) -> list[str]:
    """The other settings that take several values; of a bank with several pools both are named."""
    keys = dict.fromkeys(key for point in points for key in point.settings if key != axis)
    return [key for key in keys if len({point.settings.get(key) for point in points}) > 1]


def _label(point: SweepPoint, keys: Sequence[str]) -> str:
    words = []
    for key in keys:
        value = point.settings.get(key)
        if value is not None:
            words.append(value_words(value) if key in _NAMELESS else f"{SYMBOLS.get(key, key)} {value_words(value)}")
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
