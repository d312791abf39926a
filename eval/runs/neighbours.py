"""Nearest neighbours among the vectors of an audit: exactly for few, approximately for many, with measured recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.audit.findings import NeighbourSearch
from retrieval.search.cells import cell_neighbours
from retrieval.types import Neighbors

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64

EXACT_UP_TO = 50_000
"""Largest number of vectors whose neighbours are searched exactly, which takes time with the square of their number: up
to it that is faster than the search in cells, too (``tests/bench/bench_audit``)."""

SAMPLED = 1_000
"""Vectors whose neighbours are also searched exactly, to measure the recall of an approximate search."""


class NeighbourSearcher:
    """Finds neighbours of vectors among themselves.

    Args:
        exact: whether to search exactly however many vectors there are.
    """

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact

    def is_exact(self, count: int) -> bool:
        """Whether the neighbours of so many vectors are searched exactly."""
        return self._exact or count <= EXACT_UP_TO

    def __call__(self, vectors: Float32, k: int) -> Neighbors:
        """Find the k nearest other rows of every row of ``vectors`` (n, d), k < n, in bounded memory."""
        return nearest_others(vectors, k) if self.is_exact(len(vectors)) else cell_neighbours(vectors, k)

    def describe(self, vectors: Float32, neighbours: Neighbors, limit: float, *, all_hashes: bool) -> NeighbourSearch:
        """Say how neighbours were searched; of an approximate search, measure the recall beside an exact one.

        Args:
            vectors: (n, d).
            neighbours: what this searcher found for them.
            limit: cosine distance of near pairs.
            all_hashes: whether all near perceptual hashes were compared.
        """
        if self.is_exact(len(vectors)):
            return NeighbourSearch(exact=True, all_hashes=all_hashes)
        rng = np.random.Generator(np.random.PCG64(0))
        rows = np.sort(rng.choice(len(vectors), min(SAMPLED, len(vectors)), replace=False))
        exact = nearest_others(vectors, neighbours.rows.shape[1], rows)
        is_there = (exact.rows[:, :, None] == neighbours.rows[rows][:, None, :]).any(axis=2)
        near = 1 - exact.scores <= limit
        return NeighbourSearch(
            exact=False,
            all_hashes=all_hashes,
            sampled=len(rows),
            recall=float(is_there.mean()),
            near_pairs=int(near.sum()),
            near_pairs_found=int((near & is_there).sum()),
        )


def nearest_others(vectors: Float32, k: int, rows: Int64 | None = None) -> Neighbors:
    """Find the k nearest other rows of rows of ``vectors`` (n, d), by default of all, exactly and in bounded memory."""
    from retrieval.search.exact import ExactIndex

    queries, rows = (vectors, np.arange(len(vectors))) if rows is None else (vectors[rows], rows)
    return _without(rows, ExactIndex(vectors).search(queries, k + 1))


def _without(queries: Int64, nearest: Neighbors) -> Neighbors:
    """Drop each query (q,) from its list (q, k + 1), or the last row where more than k others equal the query."""
    others = nearest.rows != queries[:, None]
    others[others.all(axis=1), -1] = False
    shape = len(queries), nearest.rows.shape[1] - 1
    return Neighbors(nearest.rows[others].reshape(shape), nearest.scores[others].reshape(shape))
