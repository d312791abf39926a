"""Pictures of histories: losses and held-out metrics by epoch, of a run or of several."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.report.figures.panels import Line, draw_lines
from eval.report.figures.style import GREY, SMALL, SOFT, head, new_figure, save, style_axes
from eval.views.wording import NOT_PERCENT, metric_name
from retrieval.errors import InputError
from training.learner import LOSS
from training.runs.tables import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from training.runs.run_folders import TrainingRun

NO_METRICS = frozenset({"epoch", "step", "stage", "images", "seconds"})
LOSS_PARTS = frozenset({"cross_entropy", "distance"})
"""Columns of losses whose names do not say so."""

SCORE = "score"
MOST = 8
"""Lines of a panel."""


def plot_history(run: TrainingRun, path: Path) -> None:
    """Draw the history of a run to a file, whose suffix says whether it is PNG, SVG or PDF.

    Raises:
        InputError: the run has no history, or the file cannot be written.
    """
    save(history_figure(run), path)


def history_figure(run: TrainingRun) -> Figure:
    """Draw the history of a run: losses on the left, held-out metrics on the right.

    Raises:
        InputError: the run has no history.
    """
    if not run.history:
        raise InputError(f"{run.path} has no history yet, so there is nothing to draw.")
    losses, metrics = _columns(run.history)
    panels = [
        ([_line(run.history, name) for name in names], words)
        for names, words in ((losses, "losses"), (metrics, "held-out samples"))
    ]
    space = f" from space {run.space}" if run.space else ""
    score = "" if run.best_score is None else f", score {run.best_score:.4f}"
    ended = f"{run.epochs} epochs in {duration(run.seconds)}, {run.state}"
    notes = [f"{run.job or 'training'}{space} · {ended} · best: epoch {run.best_epoch}{score}"]
    figure, axes = _panels(run.name, [*notes, *([run.remarks] if run.remarks else [])], panels)
    for place in axes:
        _mark(place, run)
    return figure


def histories_figure(runs: Sequence[TrainingRun], title: str) -> Figure:
    """Draw the loss and the held-out score of several runs with a history, a line for each; one as by itself."""
    if len(runs) == 1:
        return history_figure(runs[0])
    names = {run.name: score_name(run) or SCORE for run in runs}
    words = {metric_name(name) for name in names.values()}
    losses = [_line(run.history, LOSS)._replace(label=run.name) for run in runs]
    scores = [_line(run.history, names[run.name])._replace(label=run.name) for run in runs]
    panels = [(losses, "loss"), (scores, f"held-out {words.pop() if len(words) == 1 else 'score'}")]
    best = [
        f"{run.name}: best epoch {run.best_epoch}, {run.best_score:.4f}" for run in runs if run.best_score is not None
    ]
    return _panels(title, [" · ".join(best)], [([line for line in lines if line.x], panel) for lines, panel in panels])[
        0
    ]


def score_name(run: TrainingRun) -> str | None:
    """Return the name of the held-out metric that is the run's score; None if the history does not tell."""
    if run.best_score is None:
        return None
    at_best = [line for line in run.history if line["epoch"] == run.best_epoch]
    names = [
        name
        for line in at_best
        for name, value in line.items()
        if name not in NO_METRICS and name != SCORE and isinstance(value, float) and isclose(value, run.best_score)
    ]
    chosen = str(run.recipe.get("selection"))  # of a mean of weights, which no line of the history has
    return names[0] if names else chosen if any(chosen in line for line in run.history) else None


def _panels(
    title: str, notes: Sequence[str], panels: Sequence[tuple[list[Line], str]]
) -> tuple[Figure, Sequence[Axes]]:
    """Draw lines in panels side by side, with their names below; a panel without lines is left out.

    Raises:
        InputError: no panel has a line.
    """
    panels = [(lines, words) for lines, words in panels if lines]
    if not panels:
        raise InputError(f"The history of {title} has no losses and no metrics, so there is nothing to draw.")
    below = 0.1 + 0.19 * max(-(-len(lines) // 2) for lines, _ in panels)
    figure = new_figure(4.6 * len(panels) + 0.6, 3.6 + below)
    head(figure, title, *notes, titled=True)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    figure.subplots_adjust(bottom=(0.55 + below) / (3.6 + below), wspace=0.22)
    for place, (lines, words) in zip(axes, panels, strict=True):
        style_axes(place, "epoch", "", words)
        draw_lines(place, lines, star="")
        place.legend(
            loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=SMALL, frameon=False, ncols=2, labelcolor=SOFT,
            borderaxespad=0,
        )  # fmt: skip
    return figure, axes


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
    losses = [name for name in values if "loss" in name or name in LOSS_PARTS | NOT_PERCENT]
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
