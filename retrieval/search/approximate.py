"""Approximate nearest neighbour search: an index proposes rows, which are scored and sorted as in exact search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from retrieval.search.candidates import SPARE, CandidateSearch, max_excluded, rank_candidates
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDE = 8
"""If more than one row in this many is requested, an exhaustive scan is faster than the index."""

MARGIN = 1.5
"""Where a condition leaves rows out, so many times more candidates are fetched than would do if the rows that it leaves
were spread evenly."""


class ApproximateIndex:
    """Search that may miss some neighbours; scores are exact.

    Args:
        data: (n, d) float32 unit vectors; may be memory-mapped.
        candidates: proposes rows of ``data``.
        scan: an exhaustive index over ``data``, used for long lists.
    """

    exhaustive = False

    def __init__(self, data: Float32, candidates: CandidateSearch, scan: SearchIndex) -> None:
        self._data, self._candidates, self._scan = data, candidates, scan

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Find k rows of high inner product for each query; see :class:`retrieval.types.SearchIndex`.

        Args:
            queries: (q, d) float32.
            k: number of rows.
            exclude: per query, rows that are not returned.

        Returns:
            Neighbors of shape (q, k): best first, equal scores in order of rows; -1 and -inf pad short lists.
        """
        width = k + max_excluded(exclude) + SPARE
        if width * WIDE > len(self._data) or k < 1 or not len(queries):
            return self._scan.search(queries, k, exclude)
        queries = np.ascontiguousarray(queries, np.float32)
        rows, scores = rank_candidates(queries, self._data, self._candidates(queries, width), exclude)
        return Neighbors(rows[:, :k], scores[:, :k])

    def among(
        self, queries: Float32, k: int, exclude: Sequence[Int64] | None, searched: NDArray[np.bool_] | None
    ) -> Neighbors | None:
        """Find k rows of high inner product among some of the rows.

        Args:
            queries: (q, d) float32.
            k: number of rows.
            exclude: per query, rows that are not returned.
            searched: (n,) whether a row is searched; None for all.

        Returns:
            Neighbors of shape (q, k); None where so many rows are requested that an exhaustive search is faster, or
            the index proposes fewer than k rows for a query.
        """
        width = k + max_excluded(exclude) + SPARE
        if searched is not None:
            share = np.count_nonzero(searched) / len(searched)
            width = math.ceil(MARGIN * width / max(share, 1 / len(searched)))
        if width * WIDE > len(self._data):
            return None
        queries = np.ascontiguousarray(queries, np.float32)
        candidates = self._candidates(queries, width)
        if searched is not None:
            candidates[~searched[candidates]] = -1
        rows, scores = rank_candidates(queries, self._data, candidates, exclude)
        return None if (rows[:, :k] < 0).any() else Neighbors(rows[:, :k], scores[:, :k])
