"""Exact nearest neighbours by inner product, and the function that makes an index of any kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.errors import unknown
from retrieval.search.approximate import ApproximateIndex
from retrieval.search.candidates import SPARE, max_excluded, rank_candidates
from retrieval.search.kernels import hnsw_search, ivf_search, nearest
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

APPROXIMATE = {"hnsw": hnsw_search, "ivf": ivf_search}
KINDS = ("exact", *APPROXIMATE)

FEW = 10_000
"""Number of vectors below which an approximate index would not be faster."""

GATHER_ROWS = 65_536
"""Filtered rows are copied in blocks of this many, so that memory is bounded and the scan contiguous."""

ROUNDING = 4e-6
"""Scores that differ by less may be ties: FAISS sums float32 in an order that depends on shapes."""


class ExactIndex:
    """Exhaustive search. Scores are float64 dot products rounded to float32, so that equal vectors have equal scores.

    Args:
        data: (n, d) float32 unit vectors; may be memory-mapped, is never copied as a whole.
        order: (n,) sort key of each row among equal scores; the row itself if None.
        rows: the rows that are searched, in any order; all if None.
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
            k: number of rows; lists of fewer rows are padded by -1 with score -inf.
            exclude: per query, rows that are not returned.

        Returns:
            Neighbors of shape (q, k): best first, equal scores in order of ``order``, also at rank k.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        neighbors = Neighbors(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        pending = np.arange(len(queries))
        width = k + max_excluded(exclude) + SPARE
        while len(pending) and k > 0 and len(self):
            width = min(width, len(self))
            excluded = None if exclude is None else [exclude[at] for at in pending.tolist()]
            rows = self._fetch(queries[pending], width)
            rows, scores = rank_candidates(queries[pending], self._data, rows, excluded, self._order)
            final = self._is_final(scores, k, width)
            neighbors.rows[pending[final], : min(k, width)] = rows[final, :k]
            neighbors.scores[pending[final], : min(k, width)] = scores[final, :k]
            pending = pending[~final]
            width *= 4
        return neighbors

    def _is_final(self, scores: Float32, k: int, width: int) -> np.ndarray:
        """Return (q,) bool: whether no row outside the fetched ones can have the score at rank k."""
        if width >= len(self):
            return np.ones(len(scores), bool)
        finite = np.where(np.isfinite(scores), scores, np.inf)
        worst_fetched = finite.min(axis=1)
        return np.asarray(scores[:, k - 1] > worst_fetched + ROUNDING)

    def _fetch(self, queries: Float32, width: int) -> Int64:
        """Return (q, width) candidate rows of highest inner product, in float32."""
        if self._rows is None:
            return nearest(queries, self._data, width)[1]
        scores = np.full((len(queries), 0), 0, np.float32)
        rows = np.full((len(queries), 0), -1, np.int64)
        for start in range(0, len(self._rows), GATHER_ROWS):
            block = self._rows[start : start + GATHER_ROWS]
            block_scores, block_rows = nearest(queries, self._data[block], min(width, len(block)))
            scores = np.concatenate([scores, block_scores], axis=1)
            rows = np.concatenate([rows, block[block_rows]], axis=1)
            if scores.shape[1] > width:
                best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
                scores = np.take_along_axis(scores, best, axis=1)
                rows = np.take_along_axis(rows, best, axis=1)
        return rows


def make_index(kind: str, vectors: Float32) -> SearchIndex:
    """Make a search index over vectors (n, d) float32 of length 1; equal scores are ordered by row.

    Args:
        kind: ``exact`` compares all vectors. ``hnsw`` (a graph, slow to build and fast to search) and ``ivf`` (k-means
            cells) may miss neighbours; they are deterministic. For few vectors they are replaced by exact search.
        vectors: the vectors.

    Returns:
        An index whose ``exhaustive`` is True for exact search.

    Raises:
        UnknownNameError: the kind does not exist.
    """
    if kind not in KINDS:
        raise unknown("kind of search index", kind, KINDS)
    scan = ExactIndex(vectors)
    if kind == "exact" or len(vectors) < FEW:
        return scan
    return ApproximateIndex(vectors, APPROXIMATE[kind](vectors), scan)
