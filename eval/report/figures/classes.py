"""Pictures of classes: the worst ones, and which are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.report.figures.panels import Bar, draw_bars, draw_grid, shortened
from eval.report.figures.style import INK, ORANGE, TEXT, head, new_figure, plain
from eval.views.wording import counted, origin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.results.schema import ClassMetrics, EvalResult

WORST, INVOLVED = 20, 16


def worst_classes(result: EvalResult, most: int = WORST) -> list[tuple[str, ClassMetrics]]:
    """Classes with test samples by recall, lowest first; of equal recall by F1, then those with more samples first."""
    tried = [(name, figures) for name, figures in (result.per_class or {}).items() if figures.support]
    return sorted(tried, key=lambda each: (each[1].recall, each[1].f1, -each[1].support, each[0]))[:most]


def worst_classes_figure(result: EvalResult) -> Figure:
    """Bars of recall, diamonds of precision, and how many images of a class were found."""
    worst = worst_classes(result)
    tried = sum(1 for figures in (result.per_class or {}).values() if figures.support)
    figure = new_figure(8.2, 1.75 + 0.26 * max(len(worst), 3))
    everyone = counted(tried, "tested class", "tested classes")
    which = f"The {len(worst)} of {everyone} with the lowest recall" if len(worst) < tried else f"All {everyone}"
    note = f"{which}. Diamond: precision."
    absent = len(result.per_class or {}) - tried
    if absent:
        note += f" {counted(absent, 'class has', 'classes have')} no test image."
    head(figure, "Worst classes", origin(result), note)
    width = figure.get_size_inches()[0]
    longest = max((len(shortened(name)) for name, _ in worst), default=1)
    figure.subplots_adjust(left=(0.3 + 0.078 * longest) / width, right=1 - 1.45 / width)
    draw_worst(figure.add_subplot(), worst)
    return figure


def draw_worst(axes: Axes, worst: Sequence[tuple[str, ClassMetrics]]) -> None:
    """Draw the bars of some classes."""
    bars = [
        Bar(name, 100 * each.recall, None, f"{round(each.recall * each.support):,} of {each.support:,} found")
        for name, each in worst
    ]
    draw_bars(axes, bars, "recall (%)")
    axes.plot(
        [100 * each.precision for _, each in worst], range(len(worst)), marker="D", markersize=4.5, color=ORANGE,
        linestyle="", clip_on=False, zorder=4,
    )  # fmt: skip
    axes.set_xlim(0, 100)


def involved_classes(result: EvalResult, most: int = INVOLVED) -> list[str]:
    """Classes of the most confused pairs, most frequent pair first, until there are ``most``."""
    names: dict[str, None] = {}
    for pair in result.confusion or ():
        wanted = {name: None for name in (pair.label, pair.predicted) if name not in names}
        if len(names) + len(wanted) > most:
            break
        names |= wanted
    return list(names)


def confusion_figure(result: EvalResult) -> Figure:
    """Truth against answer for the classes of the most confused pairs; rows are shaded by share, cells are counts."""
    names = involved_classes(result)
    per_class = result.per_class or {}
    counts = np.zeros((len(names), len(names)))
    place = {name: at for at, name in enumerate(names)}
    for pair in result.confusion or ():
        if pair.label in place and pair.predicted in place:
            counts[place[pair.label], place[pair.predicted]] = pair.count
    support = np.array([per_class[name].support if name in per_class else 0 for name in names])
    found = [round(per_class[name].recall * per_class[name].support) if name in per_class else 0 for name in names]
    np.fill_diagonal(counts, found)
    shares = np.divide(counts, support[:, None], out=np.zeros_like(counts), where=support[:, None] > 0)
    longest = max(len(shortened(name, 30)) for name in names)
    side = 0.078 * longest + 0.3
    below = 0.066 * longest + 0.4
    figure = new_figure(side + 0.47 * len(names) + 0.9, 1.35 + 0.31 * len(names) + below)
    note = f"The {len(names)} classes of the most confused pairs: counts; shade: share of the row's test images."
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
