"""Approximate nearest neighbour search: an index proposes rows, which are scored and sorted as in exact search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.search.candidates import SPARE, CandidateSearch, max_excluded, rank_candidates
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

WIDE = 8
"""If more than one row in this many is requested, an exhaustive scan is faster than the index."""


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
