"""The scorer ``prototype``: cosine with the mean of a class's train vectors (Mensink et al., PAMI 2013)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import Field

from eval.scorers.options import Positive
from eval.scorers.similarity import CHUNK_ROWS, similarity_blocks
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST = 1e-6
"""A mean of unit vectors shorter than this is rounding: the vectors cancel, and their mean has no direction."""


class PrototypeOptions(Config):
    """Options of ``prototype``."""

    class_temperature: Positive = Field(
        default=0.01, description="Divisor of the cosines with the prototypes; the quotients are the logits."
    )


def class_sums(vectors: Float32, labels: Int64, classes: int) -> NDArray[np.float64]:
    """Sum the vectors (n, d) of each class in float64, with labels (n,) in [0, classes): (classes, d)."""
    order = np.argsort(labels, kind="stable")
    sums = np.zeros((classes, vectors.shape[1]))
    for start in range(0, len(order), CHUNK_ROWS):
        rows = order[start : start + CHUNK_ROWS]
        codes, first = np.unique(labels[rows], return_index=True)
        sums[codes] += np.add.reduceat(vectors[rows].astype(np.float64), first, axis=0)
    return sums


def class_means(vectors: Float32, labels: Int64, classes: int) -> Float32:
    """Compute the normalised mean of the vectors of each class, with sums in float64.

    Args:
        vectors: (n, d) unit vectors.
        labels: (n,) codes in [0, classes).
        classes: C, the number of classes.

    Returns:
        (C, d) unit vectors; NaN for a class without vectors, or whose vectors cancel.
    """
    sums = class_sums(vectors, labels, classes)
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    lengths[lengths <= SHORTEST * np.bincount(labels, minlength=classes)] = np.nan
    means: Float32 = (sums / lengths[:, None]).astype(np.float32)
    return means


def mean_logits(queries: Float32, means: Float32, scale: float) -> Float32:
    """Multiply the cosines with the class means (C, d) by ``scale``: (q, C); -inf for a class whose mean is NaN."""
    absent = np.isnan(means[:, 0])
    logits = np.empty((len(queries), len(means)), np.float32)
    for start, scores in similarity_blocks(queries, np.where(absent[:, None], np.float32(0), means)):
        np.multiply(scores, np.float32(scale), out=logits[start : start + len(scores)])
    logits[:, absent] = -np.inf
    return logits


class PrototypeScorer:
    """The scorer ``prototype``. Classes without train samples cannot be answered."""

    name = "prototype"
    config_type = PrototypeOptions
    learns = True
    needs_bank = False
    takes_texts = False

    def settings(self, arm: Arm) -> tuple[Setting, ...]:  # noqa: ARG002 - the interface has it
        """A single setting without keys, as no option lists values."""
        return ({},)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Score with the class means of the train vectors: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: no class has a prototype.
        """
        options = cast("PrototypeOptions", arm.options)
        means = class_means(task.train, task.labels, task.classes)
        if np.isnan(means).all():
            raise InputError(
                "No class has a prototype, as there are no train samples or their vectors cancel; give a train split."
            )
        for _ in settings:
            yield mean_logits(task.queries, means, 1 / options.class_temperature)


SCORER = PrototypeScorer()
