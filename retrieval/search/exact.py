"""Nearest neighbours by inner product over the hot matrix: exhaustive search, and the choice of an index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.errors import unknown
from retrieval.search.approximate import ApproximateIndex
from retrieval.search.candidates import SPARE, ranked, widest
from retrieval.search.kernels import cells, graph, nearest
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

APPROXIMATE = {"hnsw": graph, "ivf": cells}
KINDS = ("exact", *APPROXIMATE)

FEW = 10_000
"""Vectors below which an approximate index would save nothing."""

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
        width = k + widest(exclude) + SPARE
        while len(pending) and k > 0 and len(self):
            width = min(width, len(self))
            barred = None if exclude is None else [exclude[at] for at in pending.tolist()]
            rows = self._fetch(queries[pending], width)
            rows, scores = ranked(queries[pending], self._data, rows, barred, self._order)
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

    def _fetch(self, queries: Float32, width: int) -> Int64:
        if self._rows is None:
            return nearest(queries, self._data, width)[1]
        scores = np.full((len(queries), 0), 0, np.float32)
        rows = np.full((len(queries), 0), -1, np.int64)
        for start in range(0, len(self._rows), GATHER_ROWS):
            block = self._rows[start : start + GATHER_ROWS]
            more, near = nearest(queries, self._data[block], min(width, len(block)))
            scores = np.concatenate([scores, more], axis=1)
            rows = np.concatenate([rows, block[near]], axis=1)
            if scores.shape[1] > width:
                best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
                scores = np.take_along_axis(scores, best, axis=1)
                rows = np.take_along_axis(rows, best, axis=1)
        return rows


def make_index(kind: str, vectors: Float32) -> SearchIndex:
    """Make a search index over vectors (n, d) float32 of length 1; ties are broken by row order.

    ``exact`` scans all of them. ``hnsw`` (a graph: slow to build, quick to search) and ``ivf`` (k-means cells) may
    miss neighbours, and are the same for the same vectors; both scan where there are few. The index says by
    ``exhaustive`` which it does.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in KINDS:
        raise unknown("kind of search index", kind, KINDS)
    scan = ExactIndex(vectors)
    if kind == "exact" or len(vectors) < FEW:
        return scan
    return ApproximateIndex(vectors, APPROXIMATE[kind](vectors), scan)
