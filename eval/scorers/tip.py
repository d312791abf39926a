"""The scorer ``tip``: Tip-Adapter without training (Zhang et al., ECCV 2022, arXiv:2207.09519).

It adds the scores of a cache of train samples to zero-shot scores. With s_i the cosine of a query and train sample i,
and beta the sharpness, the affinity is exp(-beta (1 - s_i)). The cache's logit of a class is the sum of the affinities
of its train samples (section 3.1 of the paper), and

    logit_c = alpha * cache_c + scale * cos(query, text_c)

with text_c the normalised mean of the class's prompts and scale the encoder's logit scale, as in the code of the paper.
As there, the cache's logit of a class grows with its train samples: the scorer is meant for a few samples per class, as
many of each class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, TypeAlias, cast

import numpy as np
from pydantic import Field

from eval.scorers.options import Positive, ValueList
from eval.scorers.prompts import zero_shot_logits
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

BLOCK_ROWS = 1024
"""Number of queries, and of train samples, in one block of affinities: 4 MiB, which fit a processor's cache."""

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1e6)]


class TipOptions(Config):
    """Options of ``tip``; the paper's values are the defaults."""

    alpha: ValueList[Weight] = Field(
        default=(1.0,), description="Weight of the cache beside the zero-shot scores. Unused in spaces without texts."
    )
    beta: ValueList[Positive] = Field(default=(5.5,), description="Sharpness of the cache's affinities.")
    cache_scale: Positive = Field(
        default=10.0,
        description="Scale of the cache's logits in spaces without texts, where the cache answers alone. 10 gave "
        "about the best likelihood with 1 to 16 shots of each class.",
    )


def affinity(cosines: Float32, beta: float) -> Float32:
    """Compute exp(-beta (1 - s)) of cosines s of any shape: 1 for equal vectors."""
    affinities: Float32 = cosines - np.float32(1)
    affinities *= np.float32(beta)
    np.exp(affinities, out=affinities)
    return affinities


def cache_logits(queries: Float32, train: Float32, labels: Int64, classes: int, betas: Sequence[float]) -> Float32:
    """Sum the affinities of the train samples of each class, block by block.

    Args:
        queries: (q, d) unit vectors.
        train: (t, d) unit vectors.
        labels: (t,) codes in [0, classes).
        classes: C, the number of classes.
        betas: values of the sharpness.

    Returns:
        (betas, q, C); 0 for classes without train samples.
    """
    cache = np.zeros((len(betas), len(queries), classes), np.float32)
    order = np.argsort(labels, kind="stable")
    for first in range(0, len(order), BLOCK_ROWS):
        rows = order[first : first + BLOCK_ROWS]
        shots = train[rows]
        codes, starts = np.unique(labels[rows], return_index=True)
        for start in range(0, len(queries), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            cosines = queries[block] @ shots.T
            for sums, beta in zip(cache, betas, strict=True):
                sums[block, codes] += np.add.reduceat(affinity(cosines, beta), starts, axis=1)
    return cache


class TipScorer:
    """The scorer ``tip``.

    With a bank, classes without a prompt cannot be answered; without one, classes without train samples cannot.
    """

    name = "tip"
    config_type = TipOptions
    learns = True
    needs_bank = False
    takes_texts = True

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank, alpha and beta; without a bank, per beta, with ``bank`` and ``alpha`` None."""
        options = cast("TipOptions", arm.options)
        if not arm.banks:
            return tuple({"bank": None, "alpha": None, "beta": beta} for beta in options.beta)
        return tuple(
            {"bank": bank.name, "alpha": alpha, "beta": beta}
            for bank, alpha, beta in product(arm.banks, options.alpha, options.beta)
        )

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Add the cache's scores to zero-shot scores: see :meth:`eval.seams.scorer.Scorer.logits`.

        The affinities of each beta are computed once for all settings.

        Raises:
            InputError: there are no train samples, the bank does not hold unit vectors, or it has no class of the
                universe.
        """
        if not len(task.labels):
            raise InputError("There are no train samples to fill a cache with; give a train split.")
        options = cast("TipOptions", arm.options)
        betas = list(dict.fromkeys(cast("float", setting["beta"]) for setting in settings))
        caches = dict(zip(betas, cache_logits(task.queries, task.train, task.labels, task.classes, betas), strict=True))
        absent = np.bincount(task.labels, minlength=task.classes) == 0
        banks = {setting["bank"] for setting in settings} - {None}
        zero_shot = {bank: zero_shot_logits(arm, task, str(bank)) for bank in banks}
        for setting in settings:
            cache = caches[cast("float", setting["beta"])]
            if setting["bank"] is None:
                yield np.where(absent, np.float32(-np.inf), cache * np.float32(options.cache_scale))
            else:
                yield zero_shot[setting["bank"]] + cache * np.float32(cast("float", setting["alpha"]))


SCORER = TipScorer()
