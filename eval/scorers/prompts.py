"""The scorer ``prompts``: cosines of images and the texts of each class, pooled (zero-shot classification)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from typing import Annotated, Literal, TypeAlias, cast

import numpy as np
from pydantic import BeforeValidator, Field

from eval.scorers.banks import require_bank
from eval.scorers.pooling import SWEPT_TEMPERATURES, PoolMethod, pool_scores
from eval.seams.options import split_text
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.types import Float32

LARGEST_SCALE = 100.0
"""The limit of CLIP's logit scale in training, which it reaches (Radford et al. 2021, section 2.5)."""

BOUNDS = (1e-6, 1e6)
"""Smallest and largest temperature; scores divided by others leave the range of float32."""


def _temperatures(value: object) -> object:
    """Let ``temperature=0.05``, ``temperature=0.05,0.1`` and ``temperature=sweep`` give a list."""
    if value == "sweep":
        return SWEPT_TEMPERATURES
    return [value] if isinstance(value, float) else split_text(value)


def _class_temperature(value: object) -> object:
    if value == "encoder":
        return value
    try:
        number = float(value)  # type: ignore[arg-type]  # float() raises for what it cannot read
    except (TypeError, ValueError):
        number = np.nan
    if not BOUNDS[0] <= number <= BOUNDS[1]:
        raise ValueError(f"give a number from {BOUNDS[0]:g} to {BOUNDS[1]:g}, or the word encoder")
    return number


ClassTemperature: TypeAlias = Annotated[float | Literal["encoder"], BeforeValidator(_class_temperature)]
Pools: TypeAlias = Annotated[tuple[PoolMethod, ...], BeforeValidator(split_text), Field(min_length=1)]
Temperatures: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=BOUNDS[0], le=BOUNDS[1])], ...],
    BeforeValidator(_temperatures),
    Field(min_length=1),
]


class PromptOptions(Config):
    """Options of ``prompts``. Each combination of bank, pool and temperature is a setting."""

    pool: Pools = Field(
        default=("mean-embedding",),
        description="Score of a class from its prompts: the cosine with their mean vector, the softmax-weighted mean, "
        "the largest, or the mean of the cosines.",
    )
    temperature: Temperatures = Field(
        default=(0.05,),
        description="Temperature of the weights of pool=softmax; sweep stands for 0.05,0.08,0.1,0.12,0.15,0.2,0.3,0.5.",
    )
    class_temperature: ClassTemperature = Field(
        default="encoder",
        description="Divisor of the scores before the softmax over classes. encoder is 1 / the encoder's logit scale; "
        "1 gives nearly uniform probabilities.",
    )


def assumed_scale(arm: Arm) -> bool:
    """Whether :data:`LARGEST_SCALE` is used for this arm, because its encoder has no logit scale."""
    return _options(arm).class_temperature == "encoder" and arm.logit_scale is None


def scale_of(arm: Arm) -> float:
    """The logit scale of an arm's encoder, or :data:`LARGEST_SCALE` where it has none."""
    return LARGEST_SCALE if arm.logit_scale is None else arm.logit_scale


def zero_shot_logits(arm: Arm, task: ScorerTask, bank: str) -> Float32:
    """Cosines with the normalised mean of each class's prompts times the logit scale: (q, C).

    They are -inf for a class without a prompt.

    Raises:
        InputError: the bank does not hold unit vectors, or has no class of the universe.
    """
    logits: Float32 = pool_scores(task.queries, arm.bank(bank), task.classes, "mean-embedding")[0]
    logits *= np.float32(scale_of(arm))
    return logits


class PromptScorer:
    """The scorer ``prompts``. The logit of a class is its pooled cosine divided by the class temperature."""

    name = "prompts"
    config_type = PromptOptions
    learns = False
    needs_bank = True
    takes_texts = True

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank, pool and temperature; ``temperature`` is None for all pools but ``softmax``.

        Raises:
            InputError: the arm has no bank.
        """
        require_bank(arm, "prompts to score with; name a bank of texts")
        options = _options(arm)
        return tuple(
            {"bank": bank.name, "pool": pool, "temperature": temperature}
            for bank, pool in product(arm.banks, dict.fromkeys(options.pool))
            for temperature in (dict.fromkeys(options.temperature) if pool == "softmax" else (None,))
        )

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Pool the cosines with the prompts: see :meth:`eval.seams.scorer.Scorer.logits`.

        Neighbouring settings that differ only in temperature are computed together.

        Raises:
            InputError: a bank does not hold unit vectors, or has no class of the universe.
        """
        scale = np.float32(score_factor(arm, _options(arm).class_temperature))
        for (bank, pool), group in groupby(settings, _bank_and_pool):
            temperatures = [float(value) for setting in group if (value := setting["temperature"]) is not None]
            for scores in pool_scores(task.queries, arm.bank(bank), task.classes, pool, temperatures):
                yield scores * scale


def _options(arm: Arm) -> PromptOptions:
    return cast("PromptOptions", arm.options)


def _bank_and_pool(setting: Setting) -> tuple[str, PoolMethod]:
    return str(setting["bank"]), cast("PoolMethod", setting["pool"])


def score_factor(arm: Arm, class_temperature: float | Literal["encoder"]) -> float:
    """Factor of the cosines of an arm: 1 / class temperature, or the encoder's logit scale."""
    return scale_of(arm) if class_temperature == "encoder" else 1 / class_temperature


SCORER = PromptScorer()
