"""Groups of keys that the recipes of jobs which learn labels have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from retrieval.config import Config
from retrieval.errors import InputError, unknown
from training.config import LoopConfig
from training.schedule import cosine, level, one_cycle, stairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.types import Float32, Int64
    from training.schedule import Schedule

Selection = Literal["top_1", "macro_f1"]
Sampling = Literal["shuffled", "balanced", "weighted"]


class LabelLoss(Config):
    """Cross-entropy of class logits, with focusing, label smoothing and class weights."""

    gamma: float = Field(0.0, ge=0, le=10, description="Exponent of focal loss (Lin et al. 2017); 0 does not focus.")
    smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a target that is spread evenly over all classes.")
    weights: Literal["none", "balanced"] | list[float] | dict[str, float] = Field(
        "none",
        description="Weights of classes: none, balanced (largest count / count), a list in the order of their names, "
        "or CLASS: weight.",
    )

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: str | list[float] | dict[str, float]) -> str | list[float] | dict[str, float]:
        numbers = [] if isinstance(weights, str) else list(weights.values() if isinstance(weights, dict) else weights)
        if any(not 0 < number < 1e6 for number in numbers):
            raise ValueError("weights are numbers above 0, and below 1,000,000")
        return weights

    def class_weights(self, classes: Sequence[str], counts: Int64) -> Float32 | None:
        """Return the weight of every class; None for equal weights.

        Args:
            classes: C names.
            counts: (C,) training samples of every class.

        Raises:
            UnknownNameError: a weight names no class.
            InputError: there are not as many weights as classes.
        """
        if self.weights == "none":
            return None
        if self.weights == "balanced":
            counted = np.maximum(counts, 1)
            return np.where(counts > 0, counts.max() / counted, 0).astype(np.float32)
        if isinstance(self.weights, dict):
            if strange := [name for name in self.weights if name not in classes]:
                raise unknown("class of the data for `loss.weights`", strange[0], classes)
            return np.array([self.weights.get(name, 1.0) for name in classes], np.float32)
        if len(self.weights) != len(classes):
            raise InputError(
                f"loss.weights has {len(self.weights)} numbers, and the data {len(classes)} classes; give one a class, "
                "in the order of their names, or write CLASS: weight."
            )
        return np.array(self.weights, np.float32)


class Mixing(Config):
    """Mixed images and targets (Zhang et al. 2018; Yun et al. 2019), by ``timm.data.Mixup``."""

    mixup: float = Field(0.0, ge=0, le=10, description="Alpha of mixup; 0 mixes no images.")
    cutmix: float = Field(0.0, ge=0, le=10, description="Alpha of cutmix; with mixup, either is drawn by half.")
    share: float = Field(1.0, gt=0, le=1, description="Share of the batches that are mixed.")

    @property
    def any(self) -> bool:
        """Whether anything is mixed."""
        return self.mixup > 0 or self.cutmix > 0


class LabelLoop(LoopConfig):
    """How long, how fast and how carefully a network learns labels."""

    optimiser: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with Nesterov momentum.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    schedule: Literal["cosine", "one_cycle", "steps", "constant"] = Field(
        "cosine", description="Course of the learning rate after it has risen."
    )
    warm_up_steps: int | None = Field(
        None, ge=0, description="Steps in which the learning rate rises from 0, instead of the share warm_up."
    )
    milestones: list[float] = Field(
        [0.5, 0.75], description="Where schedule=steps lowers the learning rate, as shares of the epochs."
    )
    factor: float = Field(0.1, gt=0, lt=1, description="By what schedule=steps multiplies the learning rate.")

    @field_validator("milestones")
    @classmethod
    def _shares(cls, milestones: list[float]) -> list[float]:
        if sorted(milestones) != milestones or any(not 0 < share < 1 for share in milestones):
            raise ValueError("milestones are shares of the epochs between 0 and 1, ascending")
        return milestones

    @model_validator(mode="after")
    def _one_warm_up(self) -> LabelLoop:
        """Refuse a share that the number of steps replaces; one_cycle takes the share alone."""
        usual = type(self).model_fields["warm_up"].default
        if self.warm_up != usual and self.warm_up_steps is not None and self.schedule != "one_cycle":
            raise ValueError("warm_up_steps takes the place of warm_up; leave warm_up out, or give warm_up_steps=null")
        return self

    def rates(self) -> Schedule:
        """The schedule of the learning rate."""
        if self.schedule == "one_cycle":
            return one_cycle(self.warm_up)
        warm_up = self.warm_up if self.warm_up_steps is None else float(self.warm_up_steps)
        if self.schedule == "cosine":
            return cosine(warm_up, self.final)
        return level(warm_up) if self.schedule == "constant" else stairs(warm_up, self.milestones, self.factor)

    def optimiser_of(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Make the optimiser of groups of parameters."""
        import torch

        if self.optimiser == "sgd":
            return torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum, nesterov=self.momentum > 0)
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=(0.9, self.beta_2))
