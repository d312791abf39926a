"""From candidate rows to final lists: scores of their own, the barred dropped, ties in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.types import Float32, Int64

SPARE = 8
"""How many neighbours beyond k are fetched at first, to see the ties of the k-th."""


def widest(exclude: Sequence[Int64] | None) -> int:
    """The most rows that any query may not return."""
    return 0 if exclude is None else max((len(rows) for rows in exclude), default=0)


def ranked(
    queries: Float32, data: Float32, rows: Int64, barred: Sequence[Int64] | None, order: Int64 | None = None
) -> tuple[Int64, Float32]:
    """Score candidates, drop what is barred, sort.

    Args:
        queries: (q, d) float32.
        data: (n, d) float32.
        rows: (q, w) candidates, -1 for none.
        barred: per query, rows it may not return.
        order: (n,) the place of each row in the order that breaks ties; row order if None.

    Returns:
        Rows and scores (q, w), best first; -1 and -inf at the end.
    """
    rows = rows.copy()
    if barred is not None:
        for at, some in enumerate(barred):
            rows[at, np.isin(rows[at], some)] = -1
    scores = _dot(queries, data, rows)
    scores[rows < 0] = -np.inf
    tie = np.where(rows >= 0, rows if order is None else order[rows], np.iinfo(np.int64).max)
    best = np.lexsort((tie, -scores), axis=1)
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)


def _dot(queries: Float32, data: Float32, rows: Int64) -> Float32:
    """Score (q, w) candidates with float64 sums: a function of the two vectors only, whatever their places."""
    scores = np.empty(rows.shape, np.float32)
    step = max(1, 16_000_000 // max(1, rows.shape[1] * data.shape[1] * 8))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        gathered = data[rows[some]].astype(np.float64)
        scores[some] = np.einsum("qd,qwd->qw", queries[some].astype(np.float64), gathered)
    return scores
