"""The training loop that all jobs share: stages, epochs, batches, checkpoints, early stopping and resuming.

Jobs define stages (:mod:`training.learner`). Random numbers of an epoch are drawn after torch is seeded by (seed,
epoch), so a run that was stopped, between epochs or within one, and resumed ends with the same weights as one that was
not.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.errors import InputError
from retrieval.escapes import printable
from retrieval.interrupt import deferred_interrupt
from retrieval.progress import progress
from training.checkpoint import BEST, load_state, save_history, save_state, save_weights
from training.learner import LOSS, Learner, Stage
from training.random_state import random_state, restore_random_state
from training.schedule import Moment

if TYPE_CHECKING:
    from training.optimisers import Optimisers

History = list[dict[str, Any]]


class TrainingResult(NamedTuple):
    """Result of a run. If it was ``interrupted``, the same command resumes it."""

    history: History
    best_epoch: int
    best_score: float
    interrupted: bool = False


@dataclass
class _EpochProgress:
    """Progress within an epoch: batches done, sums of their losses, seconds, and states of generators."""

    batch: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    random: Mapping[str, Any] | None = None


@dataclass
class _TrainingRun:
    """State of a run; ``saved`` is the checkpoint to resume from, until its stage has begun."""

    learner: Learner
    out: Path
    seed: int
    quiet: bool
    stop: Callable[[], bool]
    history: History = field(default_factory=list)
    saved: dict[str, Any] | None = None

    def load(self) -> None:
        self.saved = load_state(self.out)
        if self.saved is not None:
            self.learner.model.load_state_dict(self.saved["model"])
            self.history = self.saved["history"]

    def save(self, stage: Stage, optimisers: Optimisers, part: _EpochProgress) -> None:
        state = {
            "stage": stage.name,
            "model": self.learner.model.state_dict(),
            "optimisers": optimisers.state_dict(),
            "history": self.history,
            "part": vars(part),
        }
        save_state(self.out, state)
        save_history(self.out, self.history)

    def lines_of(self, stage: Stage) -> History:
        """History lines of the completed epochs of a stage."""
        return [line for line in self.history if line["stage"] == stage.name]

    def ended(self, stage: Stage) -> bool:
        lines = self.lines_of(stage)
        stale = len(lines) - 1 - _best(lines, self.learner.score) if lines else 0
        return len(lines) >= stage.epochs or 0 < stage.patience <= stale


def fit(learner: Learner, out: Path, *, seed: int, quiet: bool = False) -> TrainingResult:
    """Train all stages, each until its epochs are done or its score has not risen for ``patience`` epochs.

    Args:
        learner: model and stages; the model is on its device and has its initial weights.
        out: folder of the run; if it holds a checkpoint, training is resumed from it.
        seed: seed of torch's generators.
        quiet: whether to show no progress.

    Raises:
        InputError: a loss is no longer a finite number.
        WeightsError: the checkpoint in ``out`` is damaged.
    """
    with deferred_interrupt() as stop:
        run = _TrainingRun(learner, out, seed, quiet, stop)
        run.load()
        whole = all(_train_stage(run, stage) for stage in learner.stages)
    return _result_of(run.history, learner.score, interrupted=not whole)


def _train_stage(run: _TrainingRun, stage: Stage) -> bool:
    """Train a stage to its end; return False if the run was interrupted before."""
    import torch

    if run.ended(stage):
        return True
    torch.manual_seed(run.seed * 100_003 + len(run.history))
    optimisers, part = stage.begin(), _EpochProgress()
    if run.saved is not None and run.saved["stage"] == stage.name:
        optimisers.load_state_dict(run.saved["optimisers"])
        part = _EpochProgress(**run.saved["part"])
    run.saved = None
    while not run.ended(stage):
        line = _train_epoch(run, stage, part)
        if line is None:
            run.save(stage, optimisers, part)
            return False
        run.history.append(line)
        part = _EpochProgress()
        lines = run.lines_of(stage)
        # Best weights first, state last: a run that is killed in between writes the same best weights again.
        if _best(lines, run.learner.score) == len(lines) - 1:
            save_weights(run.out / BEST, run.learner.model.state_dict())
        run.save(stage, optimisers, part)
    return True


def _train_epoch(run: _TrainingRun, stage: Stage, part: _EpochProgress) -> dict[str, Any] | None:
    """Train an epoch, or its rest, and validate; return its history line, or None if the run was interrupted."""
    import torch

    epoch, start, model = len(run.history), time.monotonic() - part.seconds, run.learner.model
    batches = stage.batches(epoch)
    if part.random is None:
        torch.manual_seed(run.seed * 100_003 + epoch)
    else:
        restore_random_state(part.random)
    model.train()
    whole = _train_batches(run, stage, batches, part)
    part.seconds = time.monotonic() - start
    if not whole:
        part.random = random_state()
        return None
    model.eval()
    with torch.inference_mode():
        held_out = stage.validate()
    losses = {name: total / len(batches) for name, total in part.totals.items()}
    images = sum(stage.images(batch) for batch in batches)
    line = {"epoch": epoch + 1, "stage": stage.name, **losses, **held_out, "images": images}
    line["seconds"] = round(part.seconds, 2)
    if not run.quiet:
        _say(line)
    return line


def _train_batches(run: _TrainingRun, stage: Stage, batches: Sequence[Any], part: _EpochProgress) -> bool:
    """Train on the remaining batches of an epoch; return False if the run was interrupted."""
    done = len(run.lines_of(stage))
    what = f"{stage.name}, epoch {done + 1} of {stage.epochs}, images"
    left = sum(stage.images(batch) for batch in batches[part.batch :])
    with progress(what, left, quiet=run.quiet) as shown:
        for batch in batches[part.batch :]:
            if run.stop():
                return False
            losses = stage.step(batch, Moment(done, stage.epochs, part.batch, len(batches)))
            _check_finite(losses, stage, done, part.batch)
            for name, value in losses.items():
                part.totals[name] = part.totals.get(name, 0.0) + value
            part.batch += 1
            shown.advance(stage.images(batch))
    return True


def _check_finite(losses: Mapping[str, float], stage: Stage, epoch: int, batch: int) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            what = "the loss" if name == LOSS else f"the loss's part '{name}'"
            raise InputError(
                f"{what} became {value} in batch {batch + 1} of epoch {epoch + 1}, stage {stage.name}; train with a "
                "lower learning rate, or without half precision (amp=off)."
            )


def _say(line: Mapping[str, Any]) -> None:
    rate = line["images"] / max(line["seconds"], 0.01)
    text = "  ".join(f"{name} {value if isinstance(value, str) else f'{value:.4g}'}" for name, value in line.items())
    with contextlib.suppress(BrokenPipeError):
        print(f"{printable(text)}  ({rate:.0f} images/s)", flush=True)  # noqa: T201


def _best(lines: History, score: str) -> int:
    """Position of the first epoch of a stage with the best score, or of the last epoch if none has a score."""
    scored = [position for position, line in enumerate(lines) if score in line]
    return max(scored, key=lambda position: (lines[position][score], -position), default=len(lines) - 1)


def _result_of(history: History, score: str, *, interrupted: bool) -> TrainingResult:
    """Result of a run; the best epoch is one of the last stage, whose weights are kept."""
    lines = [line for line in history if line["stage"] == history[-1]["stage"]]
    if not lines:
        return TrainingResult([], 0, float("nan"), interrupted)
    best = lines[_best(lines, score)]
    return TrainingResult(history, best["epoch"], best.get(score, float("nan")), interrupted)
