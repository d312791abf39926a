"""The seam between a job and the loop: a learner is a model and the stages of its training.

A job builds its :class:`Learner` and hands it to :func:`training.loop.fit`. A stage knows what is trained, with which
optimisers, on which batches and with which losses; the loop knows epochs, stopping, checkpoints and going on.
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
"""The part of a step's losses that is minimised."""


class Stage(Protocol):
    """One part of a training: what is trained, how long, on what.

    Attributes:
        name: of its lines in the history; no two stages of a learner share one.
        epochs: passes over its batches.
        patience: the stage ends after so many epochs without a better score; 0 never ends it early.
    """

    name: str
    epochs: int
    patience: int

    def begin(self) -> Optimisers:
        """Choose which parameters of the model are trained, and make their optimisers.

        Called once before the first batch, and again where a run goes on in this stage: the model then has the
        weights of the last checkpoint. Modules are not made here: the model has them all from the start.
        """
        ...

    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch, the same whenever it is asked, and as many in every epoch.

        They say which samples; what is large is made in ``step``. ``epoch`` counts from 0 through all stages.
        """
        ...

    def images(self, batch: Any) -> int:
        """Samples of a batch, for progress and rate."""
        ...

    def step(self, batch: Any, moment: Moment) -> Mapping[str, float]:
        """Train on one batch, and return the loss (``loss``) and its parts, by name.

        What is random is drawn from torch's generator, or from one that is seeded by the batch.
        """
        ...

    def validate(self) -> dict[str, float]:
        """Held-out metrics, the learner's ``score`` among them; empty for a stage that has none."""
        ...


@dataclass(frozen=True, slots=True)
class Learner:
    """What is trained.

    Attributes:
        model: every module that is trained or kept: heads, prompts and averages are parts of it.
        score: the held-out metric that decides which weights are best; higher is better.
        stages: in order; each goes on with the last weights of the one before.
    """

    model: torch.nn.Module
    score: str
    stages: Sequence[Stage]
