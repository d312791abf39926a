"""Panels that several figures share: lines, bars with intervals, annotated grids, legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    ROSE,
    RULE,
    SHADE,
    SKY,
    SMALL,
    SOFT,
    TEXT,
    plain,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLOURS = (BLUE, ORANGE, GREEN, RED, ROSE, SKY, INK, GREY)
STYLES = ("-", "--", ":", "-.")
MOST_MARKED = 30
"""Points of a line that are marked; a line of more has no markers and ticks at round numbers."""

WHITE_FROM = 0.7
"""Shade of a cell from which on white text is easier to read than that of the page, light or dark."""

LONGEST_NAME = 34
"""Characters of a name beside or below a panel; the middle of a longer one is left out."""


class Line(NamedTuple):
    """A line of a panel: ``x`` and ``y`` of its points; a ``level`` has one y and spans the panel.

    ``band`` holds the lower and upper ends per point; ``chosen`` is the index of the chosen point.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    level: bool = False
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    chosen: int | None = None


class Bar(NamedTuple):
    """A bar of a panel: its length, the ends of its interval, and the text beside it."""

    label: str
    value: float
    ends: tuple[float, float] | None = None
    words: str = ""
    colour: str = BLUE


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Put a name on one line of at most ``longest`` characters; the middle of a longer one is left out."""
    line = " ".join(text.split())
    half = (longest - 1) // 2
    return line if len(line) <= longest else f"{line[:half]}…{line[-half:]}"


def draw_lines(
    axes: Axes, lines: Sequence[Line], *, log: bool = False, star: str = "highest", gap: float = 0.085
) -> None:
    """Draw lines; a ring marks the chosen point of each, a star the best point of all.

    Args:
        axes: where to draw.
        lines: in the unit of the axis.
        log: whether the x axis is logarithmic.
        star: which point is the best, ``highest`` or ``lowest``; an empty text draws no star.
        gap: as for :func:`set_ticks`.
    """
    if log:
        axes.set_xscale("log")
    for at, line in enumerate(lines):
        colour, style = COLOURS[at % len(COLOURS)], STYLES[at // len(COLOURS) % len(STYLES)]
        label = plain(shortened(line.label, 44))
        if line.level:
            axes.axhline(
                line.y[0], color=colour, linewidth=1.2, linestyle=(0, (4, 3)), label=plain(shortened(line.label, 44))
            )
            continue
        if line.band is not None:
            axes.fill_between(line.x, *line.band, color=colour, alpha=0.16, linewidth=0)
        axes.plot(
            line.x, line.y, color=colour, linestyle=style, linewidth=1.6, markersize=3.2,
            label=label, marker="o" if len(line.x) <= MOST_MARKED else "",
        )  # fmt: skip
        if line.chosen is not None:
            place = ([line.x[line.chosen]], [line.y[line.chosen]])
            axes.plot(*place, marker="o", markersize=10, fillstyle="none", color=INK, markeredgewidth=1.3, linestyle="")
    best = _best(lines, star)
    if best is not None:
        axes.plot([best[0]], [best[1]], marker="*", markersize=9, color=INK, linestyle="", zorder=6)
        over = best[0] > _middle(axes, log=log)
        axes.annotate(
            f"{best[1]:.1f}", best, xytext=(-8 if over else 8, 5), textcoords="offset points",
            ha="right" if over else "left", size=SMALL, color=INK,
        )  # fmt: skip
    axes.margins(y=0.16)
    set_ticks(axes, sorted({x for line in lines if not line.level for x in line.x}), log=log, gap=gap)


def set_ticks(axes: Axes, values: Sequence[float], *, log: bool, gap: float) -> None:
    """Put ticks at ``values``, except those nearer to the tick before than the fraction ``gap`` of the axis."""
    if not values or len(values) > MOST_MARKED:
        return
    places = np.log(values) if log else np.array(values)
    span = max(float(places[-1] - places[0]), 1e-12)
    kept = [0]
    for at in range(1, len(values)):
        if (places[at] - places[kept[-1]]) / span >= gap:
            kept.append(at)
    axes.set_xticks([values[at] for at in kept], [f"{values[at]:g}" for at in kept])
    axes.set_xticks([], minor=True)


def draw_bars(axes: Axes, bars: Sequence[Bar], name: str, *, labels: bool = True, longest: int = LONGEST_NAME) -> None:
    """Draw horizontal bars from top to bottom, each with its interval and with its text at the right edge."""
    places = np.arange(len(bars))
    axes.barh(places, [bar.value for bar in bars], height=0.62, color=[bar.colour for bar in bars], alpha=0.85)
    ends = [bar.ends or (bar.value, bar.value) for bar in bars]
    axes.hlines(places, *np.array(ends).T, color=INK, linewidth=1.4)
    style_axes(axes, name, "")
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, [plain(shortened(bar.label, longest)) for bar in bars] if labels else [""] * len(bars))
    axes.set_ylim(len(bars) - 0.4, -0.6)
    for place, bar in enumerate(bars):
        axes.text(
            1.015, place, bar.words, transform=axes.get_yaxis_transform(), size=SMALL, color=SOFT, va="center",
            parse_math=False,
        )  # fmt: skip


def draw_grid(
    axes: Axes, values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], texts: Sequence[Sequence[str]]
) -> None:
    """Draw a grid of cells (rows, columns), shaded by values from 0 to 1 (NaN: not shaded), each with its text."""
    from matplotlib.patches import Rectangle

    style_axes(axes, "", "")
    axes.grid(visible=False)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.add_patch(Rectangle((-0.5, -0.5), len(columns), len(rows), facecolor=SHADE, alpha=0.05, linewidth=0))
    for row, column in np.argwhere(values > 0).tolist():
        shade = 0.95 * float(values[row, column])
        axes.add_patch(Rectangle((column - 0.48, row - 0.47), 0.96, 0.94, facecolor=SHADE, alpha=shade, linewidth=0))
    for row, column in np.ndindex(values.shape):
        axes.text(
            column, row, texts[row][column], ha="center", va="center", size=SMALL,
            color="white" if values[row, column] > WHITE_FROM else INK, parse_math=False,
        )  # fmt: skip


def frame_cell(axes: Axes, row: int, column: int) -> None:
    """Frame a cell of a grid."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, fill=False, edgecolor=ORANGE, linewidth=2.2))


def legend_below(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """Draw the legend of a panel below all panels, in the room that :func:`legend_height` gives."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < 2:
        return
    figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.01, 0.0), ncols=columns, fontsize=SMALL, frameon=False,
        labelcolor=INK, handlelength=2.6, columnspacing=1.6,
    )  # fmt: skip


def legend_height(count: int, columns: int = 2) -> float:
    """Height in inches of a legend of ``count`` lines."""
    return 0.12 + 0.19 * -(-count // columns) if count > 1 else 0.0


def draw_empty(axes: Axes, words: str) -> None:
    """Draw an empty panel that says why it is empty."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", size=TEXT, color=SOFT)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(RULE)


def _best(lines: Sequence[Line], star: str) -> tuple[float, float] | None:
    points = [(x, y) for line in lines if not line.level for x, y in zip(line.x, line.y, strict=True)]
    if not star or not points:
        return None
    return (max if star == "highest" else min)(points, key=lambda point: point[1])


def _middle(axes: Axes, *, log: bool) -> float:
    low, high = axes.get_xlim()
    return float(np.sqrt(low * high)) if log else (low + high) / 2
