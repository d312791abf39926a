"""Compare an approximate index with exact search: the share of neighbours that it finds, and what rankings lose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64, Neighbors, SearchIndex

SAMPLED = 1000
"""Largest number of queries."""

K = 10
"""Neighbours whose recall is measured."""

RANKED = 100
"""Length of the ranked lists that Rank-1 and mAP are computed from."""


class RankingScores(NamedTuple):
    """Metrics of ranked lists: fractions of queries, and the mean over queries."""

    rank_1: float
    mean_ap: float


def measure(approximate: SearchIndex, exact: SearchIndex, data: Float32, identity: Int64, seed: int) -> dict[str, Any]:
    """Search with some of the vectors, each of which is left out of its own list, by both indexes.

    Args:
        approximate: the index.
        exact: an exact index over the same vectors.
        data: (n, d), the vectors.
        identity: (n,) codes of identities, -1 where unknown.
        seed: seed of the draw of queries.

    Returns:
        ``queries``, ``recall_at_10``, and seconds of both searches; ``ranking`` with the metrics of both, or None, and
        ``ranking_reason``, why there are none.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    queries = np.sort(rng.choice(len(data), min(SAMPLED, len(data)), replace=False))
    seconds, nearest = {}, {}
    for name, index in (("approximate", approximate), ("exact", exact)):
        start = time.perf_counter()
        nearest[name] = _search(index, data, queries, K)
        seconds[name] = time.perf_counter() - start
    recall = recall_of(nearest["approximate"], nearest["exact"])
    ranking, reason = _compare_rankings(approximate, exact, data, identity, rng)
    return {
        "queries": len(queries),
        "recall_at_10": recall,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "ranking": ranking,
        "ranking_reason": reason,
    }


def recall_of(approximate: Neighbors, exact: Neighbors) -> float:
    """Return the share of neighbours (q, k) that reach the k-th exact score, so that equal vectors count alike."""
    return float((approximate.scores >= exact.scores[:, -1:]).mean())


def _compare_rankings(
    approximate: SearchIndex, exact: SearchIndex, data: Float32, identity: Int64, rng: np.random.Generator
) -> tuple[dict[str, Any] | None, str | None]:
    codes, counts = np.unique(identity[identity >= 0], return_counts=True)
    if not len(codes):
        return None, "no sample has an identity"
    several = np.isin(identity, codes[counts > 1])
    if not several.any():
        return None, "no identity has two vectors"
    rows = np.flatnonzero(several)
    queries = np.sort(rng.choice(rows, min(SAMPLED, len(rows)), replace=False))
    positives = counts[np.searchsorted(codes, identity[queries])] - 1
    scores = {}
    for name, index in (("exact", exact), ("approximate", approximate)):
        ranked = _search(index, data, queries, RANKED).rows
        is_same = (identity[ranked] == identity[queries][:, None]) & (ranked >= 0)
        scores[name] = ranking_scores(is_same, positives)._asdict()
    return {"queries": len(queries), "identities": len(np.unique(identity[queries])), "length": RANKED, **scores}, None


def ranking_scores(is_same: NDArray[np.bool_], positives: Int64) -> RankingScores:
    """Compute Rank-1 and the mean average precision of lists of limited length.

    The average precision of a list of k is the sum of the precisions at its hits over the smaller of k and the number
    of positives, which is ``ap_method=at_k`` with ``ap_denominator=min_k_n`` of evaluations.

    Args:
        is_same: (q, k) whether each ranked sample has the query's identity.
        positives: (q,) number of samples that have it.
    """
    length = is_same.shape[1]
    precisions = np.cumsum(is_same, axis=1) / np.arange(1, length + 1)
    average = (precisions * is_same).sum(axis=1) / np.minimum(positives, length)
    return RankingScores(float(is_same[:, 0].mean()), float(average.mean()))


def _search(index: SearchIndex, data: Float32, queries: Int64, k: int) -> Neighbors:
    """Search with rows of ``data``, each of which is left out of its own list."""
    return index.search(data[queries], k, list(queries[:, None]))
