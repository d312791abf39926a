"""The interface between a job and the loop: a learner is a model and the stages of its training.

A job builds a :class:`Learner` and passes it to :func:`training.loop.fit`. A stage defines what is trained, with which
optimisers, batches and losses; the loop does epochs, early stopping, checkpoints and resuming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from retrieval.errors import InputError
from training.processes import ranks, share_of

if TYPE_CHECKING:
    import torch

    from training.optimisers import Optimisers
    from training.schedule import Moment

LOSS = "loss"
"""Name of the loss that is minimised, among those that a step returns."""


class Stage(Protocol):
    """One stage of a training: what is trained, for how long, and on which data.

    Attributes:
        name: name of its lines in the history, unique within the learner.
        epochs: number of passes over its batches.
        patience: number of epochs without a better score after which the stage ends; 0 never ends it early.
    """

    name: str
    epochs: int
    patience: int

    def begin(self) -> Optimisers:
        """Choose the parameters of the model to train, and make their optimisers.

        Called once before the first batch, and again when a run is resumed in this stage; the model then has the
        weights of the last checkpoint. It may not add modules to the model.
        """
        ...

    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch, a function of ``epoch`` only; every epoch has equally many.

        A batch names samples; ``step`` loads them. ``epoch`` counts from 0 through all stages.
        """
        ...

    def images(self, batch: Any) -> int:
        """Number of samples of a batch, for the progress line."""
        ...

    def step(self, batch: Any, moment: Moment) -> Mapping[str, float]:
        """Train on one batch, and return the loss (``loss``) and its parts by name.

        Random numbers are drawn from the generators of torch, NumPy or Python, which the loop seeds and saves, or from
        one that is seeded by the batch.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Held-out metrics, including the learner's ``score``; empty for a stage without any."""
        ...


@runtime_checkable
class EvaluatesOften(Protocol):
    """A stage that is also validated within epochs, every so many steps; its patience then counts validations."""

    evaluate_every: int


@runtime_checkable
class NamesSamples(Protocol):
    """A stage that can name the samples of a batch, for messages."""

    def sample_names(self, batch: Any) -> Sequence[str]:
        """Ids or paths of the samples of a batch."""
        ...


@runtime_checkable
class DividesBatches(Protocol):
    """A stage whose batches several processes share; batches that are arrays of rows are divided without it."""

    def share(self, batch: Any) -> Any:
        """The part of a batch for this process (:func:`training.processes.share_of`); all parts together are it."""
        ...


@dataclass(frozen=True, slots=True)
class Learner:
    """A model and the stages of its training.

    Attributes:
        model: contains every module that is trained or saved, such as heads, prompts and averages.
        score: name of the held-out metric by which the best weights are chosen; higher is better.
        stages: in order; each starts from the last weights of the one before.
        ema: decay of an exponential average of the weights of each stage, which is validated and kept as the best
            weights; 0 has none.
        tie: name of the held-out metric that decides between equal scores; lower is better. Without it, and where it
            is equal too, the earliest weights are the best.
    """

    model: torch.nn.Module
    score: str
    stages: Sequence[Stage]
    ema: float = 0.0
    tie: str | None = None


def evaluation_period(stage: Stage) -> int:
    """Number of steps between validations of a stage; 0 for one that is validated at the end of its epochs only."""
    return stage.evaluate_every if isinstance(stage, EvaluatesOften) else 0


def shared_batch(stage: Stage, batch: Any) -> Any:
    """The part of a batch for this process; the batch itself if there is one process.

    Raises:
        InputError: the stage cannot divide its batches, or a batch has fewer samples than there are processes.
    """
    if ranks() == 1:
        return batch
    if stage.images(batch) < ranks():
        raise InputError(
            f"stage {stage.name} has a batch of {stage.images(batch)} samples for {ranks()} processes; train with "
            "larger batches, or fewer processes."
        )
    if isinstance(stage, DividesBatches):
        return stage.share(batch)
    if isinstance(batch, np.ndarray):
        return share_of(batch)
    raise InputError(f"stage {stage.name} trains in one process only; run the command without torchrun.")
