"""The loop of every job: stages, epochs, batches; checkpoints, early stop, history, and going on bit for bit.

What a batch is and how it is learnt is the job's (:mod:`training.learner`). All that is random in an epoch is drawn
after torch was seeded by (seed, epoch), so a run that was stopped, between epochs or within one, and goes on ends with
the same weights as one that was not.
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
from retrieval.interrupt import deferred_interrupt
from retrieval.progress import progress
from training.checkpoint import BEST, load_state, save_history, save_state, save_weights
from training.learner import LOSS, Learner, Stage
from training.random_state import random_state, restore_random_state
from training.schedule import Moment

if TYPE_CHECKING:
    from training.optimisers import Optimisers

History = list[dict[str, Any]]


class Fitted(NamedTuple):
    """How a run ended. ``interrupted``: it was asked to stop, and the same command goes on."""

    history: History
    best_epoch: int
    best_score: float
    interrupted: bool = False


@dataclass
class _Part:
    """What was done of an epoch: batches, sums of the losses over them, seconds, and the generators after them."""

    batch: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    random: Mapping[str, Any] | None = None


@dataclass
class _Run:
    """A run as it goes; ``saved`` is the checkpoint to go on from, until its stage has begun."""

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

    def save(self, stage: Stage, optimisers: Optimisers, part: _Part) -> None:
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
        """The epochs of a stage that are done."""
        return [line for line in self.history if line["stage"] == stage.name]

    def ended(self, stage: Stage) -> bool:
        lines = self.lines_of(stage)
        stale = len(lines) - 1 - _best(lines, self.learner.score) if lines else 0
        return len(lines) >= stage.epochs or 0 < stage.patience <= stale


def fit(learner: Learner, out: Path, *, seed: int, quiet: bool = False) -> Fitted:
    """Train stage by stage, each until its epochs are done or its score has not risen for ``patience`` epochs.

    Args:
        learner: model and stages; the model is on its device, with the weights to begin from.
        out: the run's folder; where it holds a checkpoint, training goes on from there.
        seed: of all that is drawn from torch's generators.
        quiet: show no progress.

    Raises:
        InputError: a loss is no longer a finite number.
        WeightsError: the checkpoint in ``out`` is damaged.
    """
    with deferred_interrupt() as stop:
        run = _Run(learner, out, seed, quiet, stop)
        run.load()
        whole = all(_train_stage(run, stage) for stage in learner.stages)
    return _fitted(run.history, learner.score, interrupted=not whole)


def _train_stage(run: _Run, stage: Stage) -> bool:
    """Train a stage to its end; False if the run was asked to stop before."""
    import torch

    if run.ended(stage):
        return True
    torch.manual_seed(run.seed * 100_003 + len(run.history))
    optimisers, part = stage.begin(), _Part()
    if run.saved is not None and run.saved["stage"] == stage.name:
        optimisers.load_state_dict(run.saved["optimisers"])
        part = _Part(**run.saved["part"])
    run.saved = None
    while not run.ended(stage):
        line = _train_epoch(run, stage, part)
        if line is None:
            run.save(stage, optimisers, part)
            return False
        run.history.append(line)
        part = _Part()
        lines = run.lines_of(stage)
        # Best weights first, state last: a run that is killed in between writes the same best weights again.
        if _best(lines, run.learner.score) == len(lines) - 1:
            save_weights(run.out / BEST, run.learner.model.state_dict())
        run.save(stage, optimisers, part)
    return True


def _train_epoch(run: _Run, stage: Stage, part: _Part) -> dict[str, Any] | None:
    """Train one epoch, or the rest of one, and validate; None if the run was asked to stop. ``part`` goes along."""
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


def _train_batches(run: _Run, stage: Stage, batches: Sequence[Any], part: _Part) -> bool:
    """Train on the batches of an epoch that are left; False if the run was asked to stop."""
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
        print(f"{text}  ({rate:.0f} images/s)", flush=True)  # noqa: T201


def _best(lines: History, score: str) -> int:
    """Position of the best epoch of a stage, the first of equals; the last one where none has a score."""
    scored = [position for position, line in enumerate(lines) if score in line]
    return max(scored, key=lambda position: (lines[position][score], -position), default=len(lines) - 1)


def _fitted(history: History, score: str, *, interrupted: bool) -> Fitted:
    """The best epoch is one of the last stage: its weights are those that are kept."""
    lines = [line for line in history if line["stage"] == history[-1]["stage"]]
    if not lines:
        return Fitted([], 0, float("nan"), interrupted)
    best = lines[_best(lines, score)]
    return Fitted(history, best["epoch"], best.get(score, float("nan")), interrupted)
