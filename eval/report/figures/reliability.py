"""Figures of confidence: reliability diagrams with histograms, and accuracy over coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.report.figures.panels import Line, draw_empty, draw_lines, legend_below, legend_height, shortened
from eval.report.figures.style import BLUE, GREY, ORANGE, SMALL, SOFT, head, new_figure, style_axes
from eval.views.wording import counted, has_seeds, origin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from eval.report.figures.curves import Curve
    from eval.results.schema import EvalResult

MOST_PANELS = 4


def confidence_curves(result: EvalResult, kind: str) -> dict[str, Curve]:
    """The curves of a ``kind`` (reliability or coverage), of the whole first and then by arm."""
    curves: dict[str, Curve] = {}
    for name, curve in (result.curves or {}).items():
        if name == kind:
            curves["the whole" if result.arms else "all answers"] = curve
        elif name.startswith(f"{kind}_"):
            curves[name.removeprefix(f"{kind}_")] = curve
    return curves


def expected_error(curve: Curve) -> float:
    """ECE of a reliability curve: the mean over samples of the gap between confidence and accuracy of their bin."""
    count, confidence, accuracy = (np.array(curve[key]) for key in ("count", "confidence", "accuracy"))
    filled = count > 0
    gaps = count[filled] * np.abs(accuracy[filled] - confidence[filled])
    return float(gaps.sum() / count.sum()) if filled.any() else 0.0


def stated_error(result: EvalResult, name: str, curve: Curve) -> float:
    """The result's ECE for a curve, a mean over draws; where it has none, the ECE of the curve."""
    arm = (result.arms or {}).get(name)
    metrics = (arm.metrics or {}) if arm is not None else result.metrics
    return metrics["ece"].value if "ece" in metrics else expected_error(curve)


def reliability_figure(result: EvalResult) -> Figure:
    """Reliability diagrams with histograms of confidence, one column for the whole and for each arm."""
    curves = dict(list(confidence_curves(result, "reliability").items())[:MOST_PANELS])
    figure = new_figure(0.9 + 3.3 * max(len(curves), 2) * (0.75 if len(curves) == 1 else 1), 5.1)
    bins = len(next(iter(curves.values()))["count"])
    note = f"{counted(bins, 'bin')}; dotted: confidence is accuracy; orange: the gap; {_over(result)}."
    head(figure, "Reliability", origin(result), note, titled=True)
    figure.subplots_adjust(hspace=0.1, wspace=0.14)
    highest = max(max(share_of(curve), default=0.0) for curve in curves.values())
    grid = figure.add_gridspec(2, len(curves), height_ratios=(3, 1))
    for at, (name, curve) in enumerate(curves.items()):
        upper, lower = (figure.add_subplot(grid[row, at]) for row in (0, 1))
        draw_reliability(upper, curve, f"{shortened(name)}: ECE {100 * stated_error(result, name, curve):.1f} %")
        draw_histogram(lower, curve)
        upper.tick_params(labelbottom=False, labelleft=at == 0)
        lower.set_ylim(0, 1.08 * max(highest, 1.0))
        lower.tick_params(labelleft=at == 0)
        lower.set_xlabel("confidence (%)")
        if at:
            lower.set_ylabel("")
        else:
            upper.set_ylabel("accuracy (%)")
    return figure


def draw_reliability(axes: Axes, curve: Curve, title: str) -> None:
    """Draw bars of accuracy per bin of confidence, and the gap to the mean confidence of the bin."""
    style_axes(axes, "", "", title)
    edges, filled, confidence, accuracy = _bins(curve)
    if not filled.any():
        draw_empty(axes, "no answers")
        return
    width = edges[1] - edges[0]
    left = edges[:-1][filled]
    axes.bar(left, accuracy[filled], width, align="edge", color=BLUE, alpha=0.8, edgecolor="white", linewidth=0.8)
    low, gap = np.minimum(accuracy, confidence)[filled], np.abs(accuracy - confidence)[filled]
    axes.bar(left, gap, width, bottom=low, align="edge", color="none", edgecolor=ORANGE, hatch="////", linewidth=0.8)
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=1.2, linestyle=":")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)


def share_of(curve: Curve) -> list[float]:
    """Percentage of the answers in each bin."""
    total = max(sum(curve["count"]), 1)
    return [100 * count / total for count in curve["count"]]


def draw_histogram(axes: Axes, curve: Curve) -> None:
    """Draw the percentage of answers in each bin of confidence."""
    style_axes(axes, "", "answers (%)")
    edges = _bins(curve).edges
    axes.bar(
        edges[:-1], share_of(curve), edges[1] - edges[0], align="edge", color=GREY, edgecolor="white", linewidth=0.8
    )
    axes.set_xlim(0, 100)


def coverage_lines(result: EvalResult) -> list[Line]:
    """Lines of accuracy over coverage in percent, of the whole and of every arm."""
    return [
        Line(name, tuple(100 * x for x in curve["coverage"]), tuple(100 * y for y in curve["accuracy"]))
        for name, curve in confidence_curves(result, "coverage").items()
    ]


def coverage_figure(result: EvalResult) -> Figure:
    """Accuracy of the most confident answers over the share of answers that are given."""
    lines = coverage_lines(result)
    below = legend_height(len(lines))
    figure = new_figure(6.4, 4.4 + below)
    head(
        figure,
        "Accuracy over coverage",
        origin(result),
        "Only the most confident answers are given; the rest is left open; " + _over(result) + ".",
    )
    figure.subplots_adjust(bottom=(0.52 + below) / figure.get_size_inches()[1])
    axes = figure.add_subplot()
    draw_coverage(axes, lines)
    legend_below(figure, axes)
    return figure


def draw_coverage(axes: Axes, lines: list[Line]) -> None:
    """Draw accuracy over coverage, and write the accuracy at half and, of a single line, at full coverage."""
    style_axes(axes, "coverage: answers given (%)", "accuracy of these (%)")
    draw_lines(axes, lines, star="")
    x, y = np.array(lines[0].x), np.array(lines[0].y)
    places = ((50.0, (7, 6), "left"), (100.0, (0, -14), "right"))
    for coverage, offset, side in places if len(lines) == 1 else places[:1]:
        at = int(np.abs(x - coverage).argmin())
        axes.annotate(
            f"{y[at]:.1f} at {x[at]:.0f} %", (x[at], y[at]), xytext=offset, textcoords="offset points", size=SMALL,
            color=SOFT, ha=side,
        )  # fmt: skip
        axes.plot([x[at]], [y[at]], marker="o", markersize=4, color=BLUE)
    axes.set_xlim(0, 101)


def _over(result: EvalResult) -> str:
    return "all draws together" + (", first seed" if has_seeds(result) else "")


class _Bins(NamedTuple):
    """Bins of a reliability curve in percent: edges (b + 1), and (b,) whether filled, confidence, accuracy."""

    edges: NDArray[np.float64]
    filled: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def _bins(curve: Curve) -> _Bins:
    count = np.array(curve["count"])
    confidence, accuracy = (100 * np.array(curve[key]) for key in ("confidence", "accuracy"))
    return _Bins(np.linspace(0, 100, len(count) + 1), count > 0, confidence, accuracy)
