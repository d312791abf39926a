"""Pictures of histories: losses and held-out metrics by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.report.figures.panels import Line, draw_lines
from eval.report.figures.style import GREY, SMALL, SOFT, head, new_figure, save, style_axes
from eval.views.wording import NOT_PERCENT, metric_name
from retrieval.errors import InputError
from training.runs.tables import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.runs.run_folders import TrainingRun

NO_METRICS = frozenset({"epoch", "step", "stage", "images", "seconds"})
SCORE = "score"
MOST = 8
"""Lines of a panel."""


def plot_history(run: TrainingRun, path: Path) -> None:
    """Draw the history of a run: losses on the left, held-out metrics on the right.

    Args:
        run: the run.
        path: the file, whose suffix says whether it is PNG, SVG or PDF.

    Raises:
        InputError: the run has no history, or the file cannot be written.
    """
    if not run.history:
        raise InputError(f"{run.path} has no history yet, so there is nothing to draw.")
    losses, metrics = _columns(run.history)
    panels = [(names, words) for names, words in ((losses, "losses"), (metrics, "held-out samples")) if names]
    below = 0.1 + 0.19 * max(-(-len(names) // 2) for names, _ in panels)
    figure = new_figure(4.6 * len(panels) + 0.6, 3.6 + below)
    space = f" from space {run.space}" if run.space else ""
    score = "" if run.best_score is None else f", score {run.best_score:.4f}"
    ended = f"{run.epochs} epochs in {duration(run.seconds)}, {run.state}"
    notes = [f"{run.job or 'training'}{space} · {ended} · best: epoch {run.best_epoch}{score}"]
    head(figure, run.name, *notes, *([run.remarks] if run.remarks else []), titled=True)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    figure.subplots_adjust(bottom=(0.55 + below) / (3.6 + below), wspace=0.22)
    for place, (names, words) in zip(axes, panels, strict=True):
        style_axes(place, "epoch", "", words)
        draw_lines(place, [_line(run.history, name) for name in names], star="")
        _mark(place, run)
        place.legend(
            loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=SMALL, frameon=False, ncols=2, labelcolor=SOFT,
            borderaxespad=0,
        )  # fmt: skip
    save(figure, path)


def plot_paths(runs: Sequence[TrainingRun], path: Path) -> list[Path]:
    """The files of the pictures: ``path`` itself for one run, else one with the name of each run in the file's name."""
    if len(runs) == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{run.name.replace('/', '-')}{path.suffix}") for run in runs]


def _columns(history: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Names of the losses, and of the held-out fractions, at most :data:`MOST` each; other numbers are left out."""
    values: dict[str, list[float]] = {}
    for line in history:
        for name, value in line.items():
            if name not in NO_METRICS and isinstance(value, int | float) and not isinstance(value, bool):
                values.setdefault(name, []).append(float(value))
    losses = [name for name in values if "loss" in name or name in NOT_PERCENT]
    metrics = [name for name in values if name not in losses and 0 <= min(values[name]) <= max(values[name]) <= 1]
    if len(metrics) > 1 and SCORE in metrics:  # it repeats one of the others
        metrics.remove(SCORE)
    return losses[:MOST], metrics[:MOST]


def _line(history: Sequence[Any], name: str) -> Line:
    points = [(at, line[name]) for at, line in _epochs(history) if isinstance(line.get(name), int | float)]
    label = f"held-out {metric_name(name)}" if name in NOT_PERCENT else metric_name(name)
    return Line(label, tuple(x for x, _ in points), tuple(float(y) for _, y in points))


def _epochs(history: Sequence[Any]) -> list[tuple[float, Any]]:
    """Lines with their place on the axis; those within an epoch stand between it and the one before."""
    counts: dict[int, int] = {}
    for line in history:
        counts[line["epoch"]] = counts.get(line["epoch"], 0) + 1
    placed, at = [], dict.fromkeys(counts, 0)
    for line in history:
        epoch = line["epoch"]
        at[epoch] += 1
        placed.append((epoch - 1 + at[epoch] / counts[epoch], line))
    return placed


def _mark(axes: Axes, run: TrainingRun) -> None:
    """Mark the epoch of the best weights, and where stages begin."""
    stages = [line.get("stage") for line in run.history]
    for before, line, stage in zip(stages, run.history[1:], stages[1:], strict=False):
        if stage != before:
            axes.axvline(line["epoch"] - 0.5, color=GREY, linewidth=0.8)
    if run.best_epoch:
        axes.axvline(run.best_epoch, color=SOFT, linewidth=1.0, linestyle=(0, (2, 2)))
        axes.annotate(
            "best", (run.best_epoch, 1), xycoords=("data", "axes fraction"), xytext=(-3, -3),
            textcoords="offset points", ha="right", va="top", size=SMALL, color=SOFT,
        )  # fmt: skip
