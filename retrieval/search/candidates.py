"""Rank candidate rows: compute their scores, drop excluded rows, and order ties."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from retrieval.types import Float32, Int64

CandidateSearch = Callable[[Float32, int], Int64]
"""Maps queries (q, d) and a width to candidate rows (q, width), best first; -1 pads short lists."""

SPARE = 8
"""Number of neighbours beyond k that are fetched at first, to include ties at rank k."""


PAIR_BYTES = 1 << 20
"""Size of the float64 vectors of pairs that are multiplied at one time; they stay in the cache."""


def max_excluded(exclude: Sequence[Int64] | None) -> int:
    """Return the highest number of excluded rows of a query."""
    return 0 if exclude is None else max((len(rows) for rows in exclude), default=0)


def rank_candidates(
    queries: Float32, data: Float32, rows: Int64, exclude: Sequence[Int64] | None, order: Int64 | None = None
) -> tuple[Int64, Float32]:
    """Score candidates, drop excluded rows, and sort.

    Args:
        queries: (q, d) float32.
        data: (n, d) float32.
        rows: (q, w) candidates, -1 for none.
        exclude: per query, rows that are not returned.
        order: (n,) sort key of each row among equal scores; the row itself if None.

    Returns:
        Rows and scores (q, w), best first; -1 and -inf at the end.
    """
    rows = rows.copy()
    if exclude is not None:
        for query, excluded in enumerate(exclude):
            rows[query, np.isin(rows[query], excluded)] = -1
    valid = rows >= 0
    scores = np.full(rows.shape, -np.inf, np.float32)
    scores[valid] = pair_scores(queries, data, np.nonzero(valid)[0], rows[valid])
    tie = np.where(valid, rows if order is None else order[rows], np.iinfo(np.int64).max)
    best = np.lexsort((tie, -scores), axis=1)
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)


def pair_scores(queries: Float32, data: Float32, owners: Int64, rows: Int64) -> Float32:
    """Return scores (m,), summed in float64, so that a score depends only on its two vectors and not on shapes.

    Args:
        queries: (q, d) float32.
        data: (n, d) float32.
        owners: (m,) the query of each pair.
        rows: (m,) the row of each pair.
    """
    scores = np.empty(len(rows), np.float32)
    step = max(1, PAIR_BYTES // (8 * max(1, data.shape[1])))
    for start in range(0, len(rows), step):
        pairs = slice(start, start + step)
        left, right = queries[owners[pairs]].astype(np.float64), data[rows[pairs]].astype(np.float64)
        scores[pairs] = np.einsum("md,md->m", left, right)
    return scores
