"""The scorer ``knn``: the k train samples nearest to a query vote for their classes.

With s the cosine of a neighbour, its vote is

- ``uniform``: 1;
- ``similarity``: max(s, 0);
- ``exp``: exp((s - s_nearest) / tau), the weight exp(s / tau) of Wu, Xiong, Yu, Lin (CVPR 2018, arXiv:1805.01978)
  divided by that of the nearest neighbour, which leaves the ratios of the votes unchanged.

The probability of class c is p_c = (votes_c + smoothing / C) / (sum of votes + smoothing): additive smoothing, which
adds ``smoothing`` votes, spread evenly over the C classes of the universe. Without it, the negative log-likelihood of a
class without a vote would be infinite. The logits are log p. Classes with equal votes are ordered by their nearest
neighbour; classes without a vote are ordered by code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

import numpy as np
from pydantic import Field

from eval.scorers.options import Positive, ValueList
from eval.scorers.similarity import BLOCK_BYTES
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

Votes: TypeAlias = Literal["uniform", "similarity", "exp"]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10_000)]

TIE_STEP = 4e-6
"""Difference of the logits of classes with equal votes: large enough for float32, too small to change a metric."""


class VoteOptions(Config):
    """Options of ``knn``.

    The defaults k = 20, ``exp`` and tau = 0.07 are those of DINO (Caron et al., ICCV 2021), where k = 20 was best in
    most runs.
    """

    k: ValueList[Count] = Field(default=(20,), description="Number of neighbours that vote.")
    votes: ValueList[Votes] = Field(
        default=("exp",),
        description="Weight of a neighbour: 1 (uniform), its cosine where that is positive (similarity), or "
        "exp(cosine / tau).",
    )
    tau: Positive = Field(default=0.07, description="Temperature of votes=exp.")
    smoothing: Positive = Field(
        default=1.0,
        description="Additional votes, spread evenly over all classes, so that no class has probability 0.",
    )
    index: Literal["exact", "hnsw", "ivf"] = Field(
        default="exact", description="Kind of search: exact, or an approximate index."
    )


def count_votes(neighbors: Neighbors, labels: Int64, classes: int, votes: Votes, options: VoteOptions) -> Float32:
    """Compute log-probabilities of classes from the votes of the neighbours.

    Args:
        neighbors: (q, k), best first; where a query has fewer than k, the rest are row -1 and score -inf.
        labels: (t,) codes of the train samples.
        classes: C, the size of the label universe.
        votes: weight of a neighbour.
        options: ``tau`` and ``smoothing``.

    Returns:
        (q, C) float32.
    """
    logits = np.empty((len(neighbors.rows), classes), np.float32)
    step = max(1, BLOCK_BYTES // (32 * (classes + neighbors.rows.shape[1])))
    for start in range(0, len(logits), step):
        block = Neighbors(neighbors.rows[start : start + step], neighbors.scores[start : start + step])
        logits[start : start + step] = _block_logits(block, labels, classes, votes, options)
    return logits


def _block_logits(
    neighbors: Neighbors, labels: Int64, classes: int, votes: Votes, options: VoteOptions
) -> NDArray[np.float64]:
    q, k = neighbors.rows.shape
    # Missing neighbours (row -1) vote for an additional class, which is dropped.
    voted = np.where(neighbors.rows < 0, classes, labels[neighbors.rows])
    cells = voted + np.arange(q)[:, None] * (classes + 1)
    weights = _weights(neighbors.scores.astype(np.float64), votes, options.tau)
    total = np.bincount(cells.reshape(-1), weights.reshape(-1), q * (classes + 1)).reshape(q, -1)[:, :classes]
    nearest = np.full(q * (classes + 1), k)
    # Of repeated cells the last assignment stays; in reverse order, it is the nearest neighbour's.
    nearest[cells[:, ::-1].reshape(-1)] = np.tile(np.arange(k)[::-1], q)
    smoothed = total + options.smoothing / classes
    logits = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
    return _nearest_first(logits, nearest.reshape(q, -1)[:, :classes], k)


def _weights(scores: NDArray[np.float64], votes: Votes, tau: float) -> NDArray[np.float64]:
    """The vote of each neighbour: (q, k); 0 for a missing one, whose score is -inf."""
    finite = np.isfinite(scores)
    if votes == "uniform":
        return finite.astype(np.float64)
    cosines = np.where(finite, scores, 0)
    if votes == "similarity":
        return np.maximum(cosines, 0)
    return np.where(finite, np.exp((cosines - cosines[:, :1]) / tau), 0)


def _nearest_first(logits: NDArray[np.float64], nearest: Int64, k: int) -> NDArray[np.float64]:
    """Separate equal logits by :data:`TIE_STEP`, so that the class with the nearer neighbour has the larger logit.

    Args:
        logits: (q, C); overwritten.
        nearest: (q, C) rank, from 0, of the nearest neighbour of each class; k for a class without a neighbour.
        k: number of neighbours of a query.
    """
    order = np.lexsort((-nearest, logits), axis=1)
    voted = np.take_along_axis(nearest, order, axis=1) < k
    above = TIE_STEP * np.cumsum(voted, axis=1)
    raised = np.maximum.accumulate(np.take_along_axis(logits, order, axis=1) - above, axis=1) + above
    np.put_along_axis(logits, order, raised, axis=1)
    return logits


class VoteScorer:
    """The scorer ``knn``.

    The neighbours of all settings come from one search. Classes without train samples get no vote, but can be answered.
    """

    name = "knn"
    config_type = VoteOptions
    learns = True
    needs_bank = False
    takes_texts = False

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per ``k`` and ``votes``."""
        options = _options(arm)
        return tuple({"k": k, "votes": votes} for k in options.k for votes in options.votes)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Count the votes of the neighbours: see :meth:`eval.seams.scorer.Scorer.logits`.

        If ``k`` is larger than the number of train samples, all of them vote.

        Raises:
            InputError: there are no train samples.
        """
        options = _options(arm)
        if not len(task.labels):
            raise InputError("There are no train samples to be neighbours; give a train split.")
        pairs = [(cast("int", setting["k"]), cast("Votes", setting["votes"])) for setting in settings]
        largest_k = min(max(k for k, _ in pairs), len(task.labels))
        neighbors = task.train_index(options.index).search(task.queries, largest_k)
        for k, votes in pairs:
            near = Neighbors(neighbors.rows[:, :k], neighbors.scores[:, :k])
            yield count_votes(near, task.labels, task.classes, votes, options)


def _options(arm: Arm) -> VoteOptions:
    return cast("VoteOptions", arm.options)


SCORER = VoteScorer()
