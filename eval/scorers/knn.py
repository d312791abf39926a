"""k nearest neighbours: the train samples most like a query vote for their classes.

With s the cosine of a neighbour, its vote is

- ``uniform``: 1;
- ``similarity``: max(s, 0);
- ``exp``: exp((s - s_nearest) / tau), the weight exp(s / tau) of Wu, Xiong, Yu, Lin (CVPR 2018, arXiv:1805.01978)
  divided by that of the nearest neighbour, which no ratio of votes notices.

p_c = (votes_c + smoothing / C) / (sum of votes + smoothing): additive smoothing, as if ``smoothing`` votes more were
spread evenly over the C classes of the universe. Without it, a class without a vote would cost an infinite negative
log-likelihood. Logits are log p. Of classes with equal votes, the one with the nearest neighbour stands first;
classes without a vote stand in order of their code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

import numpy as np
from pydantic import Field

from eval.scorers.options import Candidates, Positive
from eval.scorers.similarity import BLOCK_BYTES
from eval.seams.scorer import Arm, Setting, Task
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

Votes: TypeAlias = Literal["uniform", "similarity", "exp"]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10_000)]

TIE_STEP = 4e-6
"""Logits of classes with equal votes are so far apart: float32 and a softmax see it, figures do not."""


class VoteOptions(Config):
    """Options of ``knn``.

    k of 20 with ``exp`` votes and ``tau`` of .07 is the protocol of DINO (Caron et al., ICCV 2021), who found 20 best
    in most runs.
    """

    k: Candidates[Count] = Field(default=(20,), description="Number of neighbours that vote.")
    votes: Candidates[Votes] = Field(
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


def count_votes(found: Neighbors, labels: Int64, classes: int, votes: Votes, options: VoteOptions) -> Float32:
    """Log-probabilities (q, C) of the classes by the votes of all neighbours found.

    Args:
        found: (q, k) best first; rows of -1 at the end, of score -inf, are nobody.
        labels: (t,) codes of the train samples.
        classes: C.
        votes: how a neighbour votes.
        options: tau and smoothing.
    """
    logits = np.empty((len(found.rows), classes), np.float32)
    step = max(1, BLOCK_BYTES // (32 * (classes + found.rows.shape[1])))
    for start in range(0, len(logits), step):
        block = Neighbors(found.rows[start : start + step], found.scores[start : start + step])
        logits[start : start + step] = _block_logits(block, labels, classes, votes, options)
    return logits


def _block_logits(
    found: Neighbors, labels: Int64, classes: int, votes: Votes, options: VoteOptions
) -> NDArray[np.float64]:
    q, k = found.rows.shape
    voted = np.where(found.rows < 0, classes, labels[found.rows])  # nobody's is one class more, dropped in the end
    cells = voted + np.arange(q)[:, None] * (classes + 1)
    weights = _weights(found.scores.astype(np.float64), votes, options.tau)
    total = np.bincount(cells.reshape(-1), weights.reshape(-1), q * (classes + 1)).reshape(q, -1)[:, :classes]
    nearest = np.full(q * (classes + 1), k)
    nearest[cells[:, ::-1].reshape(-1)] = np.tile(np.arange(k)[::-1], q)  # the last written stays: the nearest
    smoothed = total + options.smoothing / classes
    logits = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
    return _nearest_first(logits, nearest.reshape(q, -1)[:, :classes], k)


def _weights(scores: NDArray[np.float64], votes: Votes, tau: float) -> NDArray[np.float64]:
    """The vote of each neighbour: (q, k), 0 for nobody."""
    there = np.isfinite(scores)
    if votes == "uniform":
        return there.astype(np.float64)
    known = np.where(there, scores, 0)
    if votes == "similarity":
        return np.maximum(known, 0)
    return np.where(there, np.exp((known - known[:, :1]) / tau), 0)


def _nearest_first(logits: NDArray[np.float64], nearest: Int64, k: int) -> NDArray[np.float64]:
    """Raise equal logits of voted classes by steps, so that they stand in order of the place of the nearest neighbour.

    Args:
        logits: (q, C).
        nearest: (q, C) place, from 0, of a class's nearest neighbour, k where it has none.
        k: how many neighbours there are.
    """
    order = np.lexsort((-nearest, logits), axis=1)
    voted = np.take_along_axis(nearest, order, axis=1) < k
    above = TIE_STEP * np.cumsum(voted, axis=1)
    raised = np.maximum.accumulate(np.take_along_axis(logits, order, axis=1) - above, axis=1) + above
    np.put_along_axis(logits, order, raised, axis=1)
    return logits


class VoteScorer:
    """The scorer ``knn``. One search serves all settings; classes absent from train get no vote, like others."""

    name = "knn"
    config_type = VoteOptions
    learns = True
    needs_bank = False
    takes_texts = False

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """Every k with every way to vote."""
        options = _options(arm)
        return tuple({"k": k, "votes": votes} for k in options.k for votes in options.votes)

    def logits(self, arm: Arm, task: Task, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Let neighbours vote: see :meth:`eval.seams.scorer.Scorer.logits`.

        More neighbours than there are is all of them.

        Raises:
            InputError: there are no train samples.
        """
        options = _options(arm)
        if not len(task.train):
            raise InputError("There are no train samples to be neighbours; give a train split.")
        wanted = [(cast("int", setting["k"]), cast("Votes", setting["votes"])) for setting in settings]
        most = min(max(k for k, _ in wanted), len(task.train))
        found = task.index(options.index, task.train).search(task.queries, most)
        for k, votes in wanted:
            near = Neighbors(found.rows[:, :k], found.scores[:, :k])
            yield count_votes(near, task.labels, task.classes, votes, options)


def _options(arm: Arm) -> VoteOptions:
    return cast("VoteOptions", arm.options)


SCORER = VoteScorer()
