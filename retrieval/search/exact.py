"""Exact nearest neighbours by inner product over the hot matrix. The one file that knows FAISS."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from retrieval.errors import InputError
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

SPARE = 8
"""How many neighbours beyond k are fetched at first, to see the ties of the k-th."""

GATHER_ROWS = 65_536
"""Filtered rows are copied together in blocks of this many: memory stays bounded, the scan stays contiguous."""

ROUNDING = 4e-6
"""Scores nearer than this are candidates for a tie: FAISS sums float32 in another order for other shapes."""


class ExactIndex:
    """Exhaustive search. Scores are float64 dot products rounded to float32, so equal vectors tie exactly.

    Args:
        data: (n, d) float32 unit vectors; may be memory-mapped, is never copied as a whole.
        order: (n,) the place of each row in the order that breaks ties (the order of sample ids); default row order.
        rows: search only these rows (a filter), any order.
    """

    exhaustive = True

    def __init__(self, data: Float32, order: Int64 | None = None, rows: Int64 | None = None) -> None:
        self._data = data
        self._order = np.arange(len(data), dtype=np.int64) if order is None else order
        self._rows = None if rows is None or len(rows) == len(data) else np.sort(rows)

    def __len__(self) -> int:
        return len(self._data) if self._rows is None else len(self._rows)

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Find the k rows of highest inner product for each query.

        Args:
            queries: (q, d) float32.
            k: how many; more than there are gives rows of -1 with score -inf at the end.
            exclude: per query, rows it may not return.

        Returns:
            Neighbors of shape (q, k): best first, equal scores in order of ``order``, also at the k-th place.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        found = Neighbors(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        pending = np.arange(len(queries))
        most = max((len(rows) for rows in exclude), default=0) if exclude is not None else 0
        width = k + most + SPARE
        while len(pending) and k > 0 and len(self):
            width = min(width, len(self))
            barred = None if exclude is None else [exclude[at] for at in pending.tolist()]
            rows, scores = self._candidates(queries[pending], width, barred)
            done = self._settled(scores, k, width)
            found.rows[pending[done], : min(k, width)] = rows[done, :k]
            found.scores[pending[done], : min(k, width)] = scores[done, :k]
            pending = pending[~done]
            width *= 4
        return found

    def _settled(self, scores: Float32, k: int, width: int) -> np.ndarray:
        """Whether a query's list is final: nothing beyond the fetched could tie with its k-th."""
        if width >= len(self):
            return np.ones(len(scores), bool)
        finite = np.where(np.isfinite(scores), scores, np.inf)
        worst_fetched = finite.min(axis=1)
        return np.asarray(scores[:, k - 1] > worst_fetched + ROUNDING)

    def _candidates(self, queries: Float32, width: int, barred: Sequence[Int64] | None) -> tuple[Int64, Float32]:
        """Fetch ``width`` rows per query, score them canonically, drop the barred, sort."""
        rows = self._fetch(queries, width)
        scores = _dot(queries, self._data, rows)
        if barred is not None:
            out = np.stack([np.isin(rows[at], barred[at]) for at in range(len(rows))])
            scores[out] = -np.inf
            rows[out] = -1
        tie = np.where(rows >= 0, self._order[rows], np.iinfo(np.int64).max)
        best = np.lexsort((tie, -scores), axis=1)
        return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)

    def _fetch(self, queries: Float32, width: int) -> Int64:
        if self._rows is None:
            return np.asarray(faiss.knn(queries, self._data, width, metric=faiss.METRIC_INNER_PRODUCT)[1])
        scores = np.full((len(queries), 0), 0, np.float32)
        rows = np.full((len(queries), 0), -1, np.int64)
        for start in range(0, len(self._rows), GATHER_ROWS):
            block = self._rows[start : start + GATHER_ROWS]
            more, near = faiss.knn(
                queries, self._data[block], min(width, len(block)), metric=faiss.METRIC_INNER_PRODUCT
            )
            scores = np.concatenate([scores, more], axis=1)
            rows = np.concatenate([rows, block[near]], axis=1)
            if scores.shape[1] > width:
                best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
                scores = np.take_along_axis(scores, best, axis=1)
                rows = np.take_along_axis(rows, best, axis=1)
        return rows


def _dot(queries: Float32, data: Float32, rows: Int64) -> Float32:
    """Score (q, w) candidates with float64 sums: a function of the two vectors only, whatever their places."""
    scores = np.empty(rows.shape, np.float32)
    step = max(1, 16_000_000 // (rows.shape[1] * data.shape[1] * 8))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        gathered = data[rows[some]].astype(np.float64)
        scores[some] = np.einsum("qd,qwd->qw", queries[some].astype(np.float64), gathered)
    return scores


def make_index(kind: str, vectors: Float32) -> SearchIndex:
    """A search index of a kind over vectors (n, d)."""
    if kind != "exact":
        raise InputError(f"There is no index of kind '{kind}'.")
    return ExactIndex(vectors)
