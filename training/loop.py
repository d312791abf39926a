"""The training loop that all jobs share: stages, epochs, validation, checkpoints, early stopping and resuming.

Jobs define stages (:mod:`training.learner`). All generators are seeded at the start of an epoch by (seed, epoch), and
their states are saved within one, so a run that was stopped or killed anywhere and resumed ends with the same weights
as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.errors import InputError, WeightsError
from retrieval.interrupt import deferred_interrupt
from retrieval.progress import progress
from training.batch_errors import check_finite, explained_errors
from training.checkpoint import BEST, STATE, load_state, save_state, save_weights
from training.learner import Learner, Stage, evaluation_period, shared_batch
from training.processes import add_losses, any_process, from_first, gathered, rank, ranks
from training.random_state import random_state, restore_random_state, seed_generators
from training.run_log import (
    History,
    losses_text,
    open_events,
    print_line,
    print_parameters,
    save_history,
    write_events,
)
from training.run_settings import RunSettings
from training.schedule import Moment
from training.weight_average import WeightAverage

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.optimisers import Optimisers


class TrainingResult(NamedTuple):
    """Result of a run. If it was ``interrupted``, the same command resumes it.

    ``history`` has a line of losses and metrics per validation: one at the end of every epoch, and others within epochs
    if a stage is validated more often. ``best_score`` is that of the weights that are kept: those of the best epoch, or
    what a job made of them, as the sentence ``note`` then says.
    """

    history: History
    best_epoch: int
    best_score: float
    interrupted: bool = False
    note: str = ""

    @property
    def epochs(self) -> int:
        """Number of epochs of all stages."""
        return int(self.history[-1]["epoch"]) if self.history else 0


@dataclass
class _StageProgress:
    """How far a stage is, as checkpoints have it.

    Attributes:
        epochs: completed epochs.
        batch: batches of the present epoch that are done.
        batches: batches since the last line of the history, with the sums of their losses, samples and seconds.
        random: states of generators by process, within an epoch.
    """

    epochs: int = 0
    batch: int = 0
    batches: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    images: int = 0
    seconds: float = 0.0
    random: Sequence[Mapping[str, Any]] | None = None

    def count(self, losses: Mapping[str, float], images: int) -> None:
        """Count a batch."""
        self.batch, self.batches, self.images = self.batch + 1, self.batches + 1, self.images + images
        for name, value in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + value

    def start_line(self) -> None:
        """Begin the sums of the next line."""
        self.batches, self.losses, self.images, self.seconds = 0, {}, 0, 0.0


@dataclass
class _TrainingRun:
    """State of a run; ``saved`` is the checkpoint to resume from, until its stage has begun."""

    learner: Learner
    out: Path
    seed: int
    quiet: bool
    stop: Callable[[], bool]
    on_batch: Callable[[], None]
    events: SummaryWriter | None = None
    history: History = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    saved: dict[str, Any] | None = None

    def load(self) -> None:
        """Read the checkpoint, which other processes get from the first."""
        self.saved = from_first(load_state(self.out) if rank() == 0 else None)
        if self.saved is None:
            return
        if self.saved["processes"] != ranks():
            raise InputError(
                f"{self.out} was trained by {self.saved['processes']} processes; go on with as many, or choose a new "
                "`out`."
            )
        try:
            self.learner.model.load_state_dict(self.saved["model"])
        except RuntimeError:
            raise WeightsError(
                f"{self.out / STATE} is of another model: what it was trained on has changed; choose a new `out`."
            ) from None
        self.history, self.ended = self.saved["history"], self.saved["ended"]

    def lines_of(self, stage: Stage) -> History:
        """History lines of a stage."""
        return [line for line in self.history if line["stage"] == stage.name]

    def add_line(self, line: Mapping[str, Any], seconds_left: float) -> None:
        """Add a line to the history, and show it."""
        self.history.append(dict(line))
        if not self.quiet:
            print_line(line, seconds_left)
        if self.events is not None:
            write_events(self.events, line)


def fit(learner: Learner, out: Path, *, seed: int, run: RunSettings | None = None) -> TrainingResult:
    """Train all stages, each until its epochs are done or its score has not risen for ``patience`` validations.

    Args:
        learner: model and stages; the model is on its device and has its initial weights.
        out: folder of the run; if it holds a checkpoint, training is resumed from it.
        seed: seed of the generators of torch, NumPy and Python.
        run: whether progress is shown, and TensorBoard's files are written.

    Raises:
        InputError: a loss is no longer a finite number, or a batch does not fit in memory.
        WeightsError: the checkpoint in ``out`` is damaged, or of another model.
        MissingDependencyError: TensorBoard is asked for and not installed.
    """
    settings = run or RunSettings()
    with ExitStack() as stack:
        events = open_events(out) if settings.tensorboard and rank() == 0 else None
        if events is not None:
            stack.callback(events.close)
        stop = stack.enter_context(deferred_interrupt())
        training = _TrainingRun(learner, out, seed, settings.quiet, stop, settings.on_batch, events)
        training.load()
        whole = all(_train_stage(training, stage) for stage in learner.stages)
    return _result_of(training.history, learner, interrupted=not whole)


def _train_stage(run: _TrainingRun, stage: Stage) -> bool:
    """Train a stage to its end; return False if the run was interrupted before."""
    if stage.name in run.ended or not stage.epochs:
        return True
    others = [line["epoch"] for line in run.history if line["stage"] != stage.name]
    first = max(others, default=0)
    seed_generators(run.seed * 100_003 + first)  # the same in all processes: a stage may draw initial weights
    optimisers = stage.begin()
    average = WeightAverage(run.learner.model, run.learner.ema) if run.learner.ema else None
    part = _StageProgress()
    if run.saved is not None and run.saved["stage"] == stage.name:
        optimisers.load_state_dict(run.saved["optimisers"])
        if average is not None:
            average.load_state_dict(run.saved["average"])
        part = _StageProgress(**run.saved["part"])
    run.saved = None
    if not run.quiet:
        print_parameters(stage.name, run.learner.model, optimisers.groups())
    return _StageTraining(run, stage, first, optimisers, average, part).train()


@dataclass
class _StageTraining:
    """The training of one stage; ``first`` is the number of epochs of the stages before it."""

    run: _TrainingRun
    stage: Stage
    first: int
    optimisers: Optimisers
    average: WeightAverage | None
    part: _StageProgress

    def train(self) -> bool:
        """Train to the end of the stage; return False if the run was interrupted before."""
        while self.stage.name not in self.run.ended:
            batches = self.stage.batches(self.first + self.part.epochs)
            self._set_generators()
            while True:
                if not self._train_batches(batches, self._next_validation(len(batches))):
                    self.part.random = gathered(random_state())
                    self._save()
                    return False
                self._validate(len(batches))
                if not self.part.batch or self.stage.name in self.run.ended:
                    break
        return True

    def _set_generators(self) -> None:
        """Seed all generators by the epoch, or restore them within one; every process draws other numbers."""
        if self.part.random is None:
            epoch_seed = self.run.seed * 100_003 + self.first + self.part.epochs
            seed_generators(epoch_seed * ranks() + rank())
        else:
            restore_random_state(self.part.random[rank()])
            self.part.random = None

    def _next_validation(self, batches: int) -> int:
        """Number of batches of this epoch before the next validation."""
        period = evaluation_period(self.stage)
        if not period:
            return batches
        before = self.part.epochs * batches
        return min(batches, ((before + self.part.batch) // period + 1) * period - before)

    def _train_batches(self, batches: Sequence[Any], end: int) -> bool:
        """Train on the batches before ``end``; return False if the run was interrupted."""
        run, stage, part = self.run, self.stage, self.part
        run.learner.model.train()
        what = f"{stage.name}, epoch {part.epochs + 1} of {stage.epochs}, images"
        left = sum(stage.images(batch) for batch in batches[part.batch : end])
        start = time.monotonic() - part.seconds
        with progress(what, left, quiet=run.quiet) as shown:
            for batch in batches[part.batch : end]:
                if any_process(run.stop()):
                    break
                moment = Moment(part.epochs, stage.epochs, part.batch, len(batches))
                run.on_batch()
                losses = self._step(batch, moment)
                part.count(losses, stage.images(batch))
                shown.advance(stage.images(batch), losses_text(losses))
        part.seconds = time.monotonic() - start
        return part.batch >= end

    def _step(self, batch: Any, moment: Moment) -> Mapping[str, float]:
        """Train on the share of a batch that is this process's; return the losses of the whole batch."""
        stage = self.stage
        with explained_errors(stage, batch, moment):
            mine = shared_batch(stage, batch)
            self.optimisers.weight = 1.0 if mine is batch else stage.images(mine) / stage.images(batch)
            losses = add_losses(stage.step(mine, moment), self.optimisers.weight)
        check_finite(losses, stage, batch, moment)
        if self.average is not None:
            self.average.update(self.run.learner.model)
        return losses

    def _validate(self, batches: int) -> None:
        """Validate, add a line to the history, and save checkpoint and best weights."""
        import torch

        run, stage, part, model = self.run, self.stage, self.part, self.run.learner.model
        within = part.batch < batches
        state = random_state()
        with self._averaged():
            model.eval()
            with torch.inference_mode():
                metrics = from_first(stage.validate() if rank() == 0 else {})
            steps = part.epochs * batches + part.batch
            left = part.seconds / max(1, part.batches) * (stage.epochs * batches - steps)
            run.add_line(self._line(steps, metrics), left)
            lines = run.lines_of(stage)
            best = best_line(lines, run.learner.score, run.learner.tie)
            # Best weights first, state last: a run that is killed in between writes the same best weights again.
            if best == len(lines) - 1:
                save_weights(run.out / BEST, model.state_dict())
        restore_random_state(state)  # what a validation draws changes nothing
        part.start_line()
        if within:
            part.random = gathered(state)
        else:
            part.epochs, part.batch, part.random = part.epochs + 1, 0, None
        if part.epochs >= stage.epochs or 0 < stage.patience <= len(lines) - 1 - best:
            run.ended.append(stage.name)
        self._save()

    def _line(self, steps: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        part = self.part
        return {
            "epoch": self.first + part.epochs + 1,
            "step": steps,
            "stage": self.stage.name,
            **{name: total / part.batches for name, total in part.losses.items()},
            **metrics,
            "images": part.images,
            "seconds": round(part.seconds, 2),
        }

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.applied(self.run.learner.model)

    def _save(self) -> None:
        """Save the checkpoint and the history; one process does."""
        if rank() != 0:
            return
        state = {
            "stage": self.stage.name,
            "model": self.run.learner.model.state_dict(),
            "optimisers": self.optimisers.state_dict(),
            "average": self.average and self.average.state_dict(),
            "history": self.run.history,
            "ended": self.run.ended,
            "part": vars(self.part),
            "processes": ranks(),
        }
        save_state(self.run.out, state)
        save_history(self.run.out, self.run.history)


def best_line(lines: Sequence[Mapping[str, Any]], score: str, tie: str | None = None) -> int:
    """Position of the line of a stage with the best score, or of the last one if none has a score.

    Args:
        lines: lines of the history.
        score: name of the score.
        tie: name of the metric of which the lower one decides between equal scores, then the earlier.
    """

    def rank_of(position: int) -> tuple[float, float, int]:
        line = lines[position]
        return line[score], -(line.get(tie, 0.0) if tie is not None else 0.0), -position

    scored = [position for position, line in enumerate(lines) if score in line]
    return max(scored, key=rank_of, default=len(lines) - 1)


def _result_of(history: History, learner: Learner, *, interrupted: bool) -> TrainingResult:
    """Result of a run; the best epoch is one of the last stage, whose weights are kept."""
    lines = [line for line in history if line["stage"] == history[-1]["stage"]]
    if not lines:
        return TrainingResult([], 0, float("nan"), interrupted)
    best = lines[best_line(lines, learner.score, learner.tie)]
    return TrainingResult(history, best["epoch"], best.get(learner.score, float("nan")), interrupted)
