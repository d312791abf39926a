"""The train samples of the classes that a bank has prompts for, as the scorers learn that start at texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.seams.scorer import ScorerTask
from retrieval.errors import InputError
from retrieval.types import Float32, Int64


class SpokenSamples(NamedTuple):
    """Train samples of K classes with a prompt.

    ``train`` (n, d) unit vectors; ``labels`` (n,) codes in [0, K); ``texts`` (K, d) unit vectors; ``classes`` (K,)
    their codes in the label universe; ``universe`` is its size C.
    """

    train: Float32
    labels: Int64
    texts: Float32
    classes: Int64
    universe: int

    def spread(self, logits: Float32) -> Float32:
        """Put logits (q, K) in the places of their classes: (q, C), -inf for classes without a prompt."""
        spread = np.full((len(logits), self.universe), -np.inf, np.float32)
        spread[:, self.classes] = logits
        return spread


def spoken_samples(task: ScorerTask, texts: Float32) -> SpokenSamples:
    """Select the train samples of classes whose row of ``texts`` (C, d) is not NaN.

    Raises:
        InputError: there are none.
    """
    classes = np.flatnonzero(~np.isnan(texts[:, 0]))
    is_spoken = np.isin(task.labels, classes)
    if not is_spoken.any():
        raise InputError("There are no train samples of a class with a prompt to learn from; give a train split.")
    labels = np.searchsorted(classes, task.labels[is_spoken])
    return SpokenSamples(task.train[is_spoken], labels, texts[classes], classes, len(texts))
