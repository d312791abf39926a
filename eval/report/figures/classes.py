"""Figures of classes: those with the lowest recall, and the confusion between classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.report.figures.panels import LONGEST_NAME, Bar, draw_bars, draw_grid, shortened
from eval.report.figures.style import INK, ORANGE, TEXT, head, new_figure, plain
from eval.views.wording import counted, origin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.results.schema import ClassMetrics, EvalResult

WORST, INVOLVED = 20, 16


def worst_classes(result: EvalResult, most: int = WORST) -> list[tuple[str, ClassMetrics]]:
    """The ``most`` classes of lowest recall that have test samples.

    Classes of equal recall are in order of F1, then of the number of samples, largest first, then of name.
    """
    tested = [(name, metrics) for name, metrics in (result.per_class or {}).items() if metrics.support]
    return sorted(tested, key=lambda pair: (pair[1].recall, pair[1].f1, -pair[1].support, pair[0]))[:most]


def worst_classes_figure(result: EvalResult) -> Figure:
    """Bars of recall with diamonds of precision and counts of right answers, one row per class."""
    worst = worst_classes(result)
    tested = sum(1 for metrics in (result.per_class or {}).values() if metrics.support)
    figure = new_figure(8.2, 1.75 + 0.26 * max(len(worst), 3))
    classes = counted(tested, "tested class", "tested classes")
    shown = f"The {len(worst)} of {classes} with the lowest recall" if len(worst) < tested else f"All {classes}"
    note = f"{shown}. Diamond: precision."
    absent = len(result.per_class or {}) - tested
    if absent:
        note += f" {counted(absent, 'class has', 'classes have')} no test image."
    head(figure, "Worst classes", origin(result), note)
    width = figure.get_size_inches()[0]
    longest = max((len(shortened(name)) for name, _ in worst), default=1)
    figure.subplots_adjust(left=(0.3 + 0.078 * longest) / width, right=1 - 1.45 / width)
    draw_worst(figure.add_subplot(), worst)
    return figure


def draw_worst(axes: Axes, worst: Sequence[tuple[str, ClassMetrics]], longest: int = LONGEST_NAME) -> None:
    """Draw bars of recall and diamonds of precision in percent, one row per class."""
    bars = [
        Bar(
            name,
            100 * metrics.recall,
            None,
            f"{round(metrics.recall * metrics.support):,} of {metrics.support:,} found",
        )
        for name, metrics in worst
    ]
    draw_bars(axes, bars, "recall (%)", longest=longest)
    axes.plot(
        [100 * metrics.precision for _, metrics in worst], range(len(worst)), marker="D", markersize=4.5, color=ORANGE,
        linestyle="", clip_on=False, zorder=4,
    )  # fmt: skip
    axes.set_xlim(0, 100)


def involved_classes(result: EvalResult, most: int = INVOLVED) -> list[str]:
    """The classes of the most confused pairs, most frequent pair first, at most ``most`` of them."""
    names: dict[str, None] = {}
    for pair in result.confusion or ():
        new = {name: None for name in (pair.label, pair.predicted) if name not in names}
        if len(names) + len(new) > most:
            break
        names |= new
    return list(names)


def confusion_figure(result: EvalResult) -> Figure:
    """Confusion matrix of the most confused classes: counts, shaded by their share of the row's test samples."""
    names = involved_classes(result)
    per_class = result.per_class or {}
    counts = np.zeros((len(names), len(names)))
    index = {name: at for at, name in enumerate(names)}
    for pair in result.confusion or ():
        if pair.label in index and pair.predicted in index:
            counts[index[pair.label], index[pair.predicted]] = pair.count
    support = np.array([per_class[name].support if name in per_class else 0 for name in names])
    right = [round(per_class[name].recall * per_class[name].support) if name in per_class else 0 for name in names]
    np.fill_diagonal(counts, right)
    shares = np.divide(counts, support[:, None], out=np.zeros_like(counts), where=support[:, None] > 0)
    longest = max(len(shortened(name, 30)) for name in names)
    side = 0.078 * longest + 0.3
    below = 0.066 * longest + 0.4
    figure = new_figure(side + 0.47 * len(names) + 0.9, 1.35 + 0.31 * len(names) + below)
    note = f"The {len(names)} classes of the most confused pairs: counts; shade: share of the row's test samples."
    head(figure, "Most confused classes", origin(result), note)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left=side / width, bottom=below / height, right=1 - 0.2 / width)
    axes = figure.add_subplot()
    shown = [plain(shortened(name, 30)) for name in names]
    draw_grid(axes, shares, shown, shown, [[f"{int(n)}" if n else "" for n in row] for row in counts])
    axes.set_xticks(range(len(names)), shown, rotation=90)
    axes.set_ylabel("truth", size=TEXT, color=INK)
    axes.set_xlabel("answer", size=TEXT, color=INK)
    return figure
