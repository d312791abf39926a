"""Rank candidate rows: compute their scores, drop excluded rows, and order ties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.types import Float32, Int64

SPARE = 8
"""Number of neighbours beyond k that are fetched at first, to include ties at rank k."""


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
    scores = _dot(queries, data, rows)
    scores[rows < 0] = -np.inf
    tie = np.where(rows >= 0, rows if order is None else order[rows], np.iinfo(np.int64).max)
    best = np.lexsort((tie, -scores), axis=1)
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)


def _dot(queries: Float32, data: Float32, rows: Int64) -> Float32:
    """Return scores (q, w), summed in float64, so that a score depends only on its two vectors, not on shapes."""
    scores = np.empty(rows.shape, np.float32)
    step = max(1, 16_000_000 // max(1, rows.shape[1] * data.shape[1] * 8))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        gathered = data[rows[block]].astype(np.float64)
        scores[block] = np.einsum("qd,qwd->qw", queries[block].astype(np.float64), gathered)
    return scores
