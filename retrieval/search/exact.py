"""Exact nearest neighbours by inner product, and the function that makes an index of any kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.errors import unknown
from retrieval.search.approximate import ApproximateIndex
from retrieval.search.best_rows import BestRows
from retrieval.search.score_blocks import score_blocks
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

KINDS = ("exact", "hnsw", "ivf")

FEW = 10_000
"""Number of vectors below which an approximate index would not be faster."""

QUERIES = 1024
"""Largest number of queries of one pass over the vectors."""

CANDIDATES = 1 << 20
"""Largest number of queries of one pass times k."""


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
        if rows is not None and not (rows[1:] > rows[:-1]).all():
            rows = np.sort(rows)
        self._rows = None if rows is None or len(rows) == len(data) else rows

    def __len__(self) -> int:
        return len(self._data) if self._rows is None else len(self._rows)

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Find the k rows of highest inner product for each query.

        Memory beside the result is about 70 MB for k up to 200, 300 MB for larger k, and 600 MB at most, which is where
        nearly all rows are equal.

        Args:
            queries: (q, d) float32.
            k: number of rows; lists of fewer rows are padded by -1 with score -inf.
            exclude: per query, rows that are not returned.

        Returns:
            Neighbors of shape (q, k): best first, equal scores in order of ``order``, also at rank k.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        neighbors = Neighbors(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        width = min(k, len(self))
        if width < 1:
            return neighbors
        step = max(1, min(QUERIES, CANDIDATES // width))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            best = BestRows(queries[part], self._data, self._order, width)
            excluded = None if exclude is None else exclude[part]
            for rows, scores in score_blocks(queries[part], self._data, self._rows, excluded):
                best.add(rows, scores)
            neighbors.rows[part, :width], neighbors.scores[part, :width] = best.neighbors()
        return neighbors


class RowIndex:
    """An index over some rows of vectors, which it counts from 0.

    Args:
        index: an index over these rows that counts all vectors.
        rows: (t,) the rows, ascending.
    """

    def __init__(self, index: SearchIndex, rows: Int64) -> None:
        self._index, self._rows = index, rows
        self.exhaustive = index.exhaustive

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Find k rows of high inner product for each query; see :class:`retrieval.types.SearchIndex`."""
        excluded = None if exclude is None else [self._rows[rows] for rows in exclude]
        nearest = self._index.search(queries, k, excluded)
        counted = np.where(nearest.rows < 0, -1, np.searchsorted(self._rows, nearest.rows))
        return Neighbors(counted, nearest.scores)


def make_index(kind: str, vectors: Float32, rows: Int64 | None = None) -> SearchIndex:
    """Make a search index over vectors (n, d) float32 of length 1; equal scores are ordered by row.

    Args:
        kind: ``exact`` compares all vectors. ``hnsw`` (a graph, slow to build and fast to search) and ``ivf`` (k-means
            cells) may miss neighbours; they are deterministic. For few vectors they are replaced by exact search.
        vectors: the vectors.
        rows: (t,) ascending rows, if only these are indexed; exact search does not copy them.

    Returns:
        An index whose ``exhaustive`` is True for exact search. It counts the vectors, or the rows, from 0.

    Raises:
        UnknownNameError: the kind does not exist.
    """
    if kind not in KINDS:
        raise unknown("kind of search index", kind, KINDS)
    if rows is not None:
        if kind == "exact":
            return RowIndex(ExactIndex(vectors, rows=rows), rows)
        vectors = vectors[rows]
    scan = ExactIndex(vectors)
    if kind == "exact" or len(vectors) < FEW:
        return scan
    from retrieval.search.kernels import hnsw_search, ivf_search  # exact search does not load FAISS

    build = {"hnsw": hnsw_search, "ivf": ivf_search}[kind]
    return ApproximateIndex(vectors, build(vectors), scan)
