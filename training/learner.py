"""The interface between a job and the loop: a learner is a model and the stages of its training.

A job builds a :class:`Learner` and passes it to :func:`training.loop.fit`. A stage defines what is trained, with which
optimisers, batches and losses; the loop does epochs, early stopping, checkpoints and resuming.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

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

        Random numbers are drawn from torch's generator, or from one that is seeded by the batch.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Held-out metrics, including the learner's ``score``; empty for a stage without any."""
        ...


@dataclass(frozen=True, slots=True)
class Learner:
    """A model and the stages of its training.

    Attributes:
        model: contains every module that is trained or saved, such as heads, prompts and averages.
        score: name of the held-out metric by which the best weights are chosen; higher is better.
        stages: in order; each starts from the last weights of the one before.
    """

    model: torch.nn.Module
    score: str
    stages: Sequence[Stage]
