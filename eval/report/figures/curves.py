"""Figures of verification: ROC, DET, genuine and impostor scores, open-set identification."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eval.report.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    SOFT,
    TEXT,
    head,
    new_figure,
    plain,
    provenance,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from eval.results.schema import EvalResult

Curve: TypeAlias = Mapping[str, tuple[float, ...]]

_PROBIT_TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)


def curve_figures(result: EvalResult) -> dict[str, Figure]:
    """The figures of a result's curves, by file name; empty for a result without curves."""
    curves = result.curves or {}
    figures = {}
    if "roc" in curves:
        figures["roc"] = roc_figure(result, curves["roc"])
    if "det" in curves:
        figures["det"] = det_figure(result, curves["det"])
    if {"genuine", "impostor"} <= set(curves):
        figures["scores"] = scores_figure(result)
    if "open_set" in curves:
        figures["open-set"] = open_set_figure(result, curves["open_set"])
    return figures


def roc_figure(result: EvalResult, curve: Curve) -> Figure:
    """ROC: ``tpr`` over ``fpr`` on a logarithmic axis that begins at the decade of the smallest measured rate."""
    figure, axes = _one_panel(result, "Receiver operating characteristic (ROC)")
    draw_roc(axes, curve)
    return figure


def draw_roc(axes: Axes, curve: Curve) -> None:
    """Draw a ROC and that of guessing."""
    fpr, tpr = np.array(curve["fpr"]), np.array(curve["tpr"])
    low = _decade_below(fpr)
    seen = fpr > 0
    at_zero = tpr[~seen].max(initial=0.0)
    axes.plot([low, *fpr[seen]], [100 * at_zero, *(100 * tpr[seen])], color=BLUE, linewidth=1.8)
    ends = np.geomspace(low, 1, 200)
    axes.plot(ends, 100 * ends, color=GREY, linewidth=1, linestyle=":")
    axes.text(0.27, 11, "guessing", size=SMALL, color=SOFT)
    axes.set_xscale("log")
    axes.set_xlim(low, 1)
    axes.set_ylim(0, 101)
    axes.xaxis.set_major_formatter(_percent)
    style_axes(axes, "false positive rate (%, logarithmic)", "true positive rate (%)")


def det_figure(result: EvalResult, curve: Curve) -> Figure:
    """DET (Martin et al. 1997): ``fnmr`` over ``fmr`` on normal-deviate axes, with the equal error rate marked."""
    figure, axes = _one_panel(result, "Detection error trade-off (DET)")
    fmr, fnmr = np.array(curve["fmr"]), np.array(curve["fnmr"])
    has_points = _probit_panel(axes, fmr, fnmr, "false match rate (%)", "false non-match rate (%)")
    equal = result.metrics.get("eer")
    if has_points and equal is not None and 0 < equal.value < 1:
        place = float(_probit(np.array([equal.value]))[0])
        axes.plot([place], [place], color=ORANGE, marker="D", markersize=6, zorder=5)
        axes.annotate(
            f"EER {100 * equal.value:.1f} %", (place, place), xytext=(9, 6), textcoords="offset points", size=TEXT,
            color=INK,
        )  # fmt: skip
    return figure


def scores_figure(result: EvalResult) -> Figure:
    """Densities of genuine and impostor scores, with the thresholds of the result."""
    figure, axes = _one_panel(result, "Genuine and impostor scores")
    draw_scores(axes, result)
    axes.legend(loc="best", fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


def draw_scores(axes: Axes, result: EvalResult) -> None:
    """Draw densities of genuine and impostor scores, and the thresholds, of a result that has these curves."""
    genuine, impostor = ((result.curves or {})[name] for name in ("genuine", "impostor"))
    kinds = (("impostor", impostor, ORANGE, (0, (3, 1))), ("genuine", genuine, BLUE, "-"))
    seen: list[float] = []
    for name, histogram, colour, line in kinds:
        edges, counts = np.array(histogram["edges"]), np.array(histogram["counts"])
        density = counts / max(counts.sum(), 1) / np.diff(edges)
        over = " over all draws" if len(result.draws) > 1 else ""
        label = f"{name} ({int(counts.sum()):,} pairs{over})"
        axes.stairs(density, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(density, edges, color=colour, linewidth=1.5, linestyle=line, label=label)
        seen += [*edges[:-1][counts > 0], *edges[1:][counts > 0]]
    for at, (name, value) in enumerate((result.thresholds or {}).items()):
        words = f"threshold{'' if name == 'whole' else f' {name}'} {value:.3f}"
        axes.axvline(value, color=INK, linewidth=1.2, linestyle=("--", ":", "-.", "-")[at % 4], label=plain(words))
    style_axes(axes, "score (cosine similarity)", "density")
    axes.set_ylim(bottom=0)
    if seen:
        margin = 0.03 * (max(seen) - min(seen))
        axes.set_xlim(min(seen) - margin, max(seen) + margin)


def open_set_figure(result: EvalResult, curve: Curve) -> Figure:
    """Open-set identification: ``fnir`` over ``fpir`` on normal-deviate axes."""
    figure, axes = _one_panel(result, "Open-set identification")
    fpir, fnir = np.array(curve["fpir"]), np.array(curve["fnir"])
    _probit_panel(axes, fpir, fnir, "false positive identification rate (%)", "false negative identification rate (%)")
    return figure


def _one_panel(result: EvalResult, title: str) -> tuple[Figure, Axes]:
    figure = new_figure(6.4, 4.8)
    head(figure, title, provenance(result))
    return figure, figure.add_subplot()


def _probit_panel(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], x_name: str, y_name: str) -> bool:
    """Draw one error rate over another on normal-deviate axes; rates of 0 and 1 cannot be drawn and are left out.

    Returns:
        Whether any point could be drawn; if none could, the panel says why.
    """
    inside = (x > 0) & (x < 1) & (y > 0) & (y < 1)
    style_axes(axes, f"{x_name[:-1]}, normal deviate)", f"{y_name[:-1]}, normal deviate)")
    if not inside.any():
        axes.text(0.5, 0.5, _why_no_curve(x, y), transform=axes.transAxes, ha="center", size=TEXT, color=SOFT)
        axes.set_xticks([])
        axes.set_yticks([])
        return False
    axes.plot(_probit(x[inside]), _probit(y[inside]), color=BLUE, linewidth=1.8)
    for rates, set_ticks, set_limits in ((x, axes.set_xticks, axes.set_xlim), (y, axes.set_yticks, axes.set_ylim)):
        low, high = float(rates[inside].min()), float(rates[inside].max())
        ticks = _ticks_around(low, high)
        set_ticks(list(_probit(np.array(ticks))), [f"{100 * tick:g}" for tick in ticks])
        ends = _probit(np.array([min(low, ticks[0]), max(high, ticks[-1])]))
        set_limits(ends[0] - 0.08, ends[1] + 0.08)
    ends = np.array([-4.0, 4.0])
    axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=":", scalex=False, scaley=False)
    return True


def _why_no_curve(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """Say why no point of the curve can be drawn."""
    if ((x == 0) & (y == 0)).any():
        return "no errors to trade off"
    ends = "100 %" if ((x == 1) | (y == 1)).all() else "0 % or 100 %"
    return f"no trade-off: at every threshold\none of the error rates is {ends}"


def _ticks_around(low: float, high: float) -> list[float]:
    """The rates of ``_PROBIT_TICKS`` that enclose ``low`` and ``high``."""
    first = max((at for at, tick in enumerate(_PROBIT_TICKS) if tick <= low), default=0)
    last = min((at for at, tick in enumerate(_PROBIT_TICKS) if tick >= high), default=len(_PROBIT_TICKS) - 1)
    return list(_PROBIT_TICKS[first : last + 1])


def _probit(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the normal distribution."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(float(rate)) for rate in rates])


def _decade_below(rates: NDArray[np.float64]) -> float:
    """The power of ten at or below the smallest rate above zero, at least 1e-6."""
    above = rates[rates > 0]
    return float(10 ** np.floor(np.log10(max(above.min(), 1e-6)))) if len(above) and above.min() < 1 else 0.01


def _percent(rate: float, _place: float) -> str:
    return f"{100 * rate:g}"
