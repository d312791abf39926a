"""Approximate nearest neighbours: an index proposes rows, which are scored and sorted as in exact search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.search.candidates import SPARE, ranked, widest
from retrieval.search.kernels import Near
from retrieval.types import Float32, Int64, Neighbors, SearchIndex

WIDE = 8
"""Where more than one row in this many is asked for, a scan is quicker than an index, and finds all."""


class ApproximateIndex:
    """Search among the rows that an index proposes: some neighbours may be missing, the scores of the others are exact.

    Args:
        data: (n, d) float32 unit vectors; may be memory-mapped.
        near: proposes rows of ``data``.
        scan: an exhaustive index over ``data``, for long lists.
    """

    exhaustive = False

    def __init__(self, data: Float32, near: Near, scan: SearchIndex) -> None:
        self._data, self._near, self._scan = data, near, scan

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Find k rows of high inner product for each query; see :class:`retrieval.types.SearchIndex`.

        Args:
            queries: (q, d) float32.
            k: how many.
            exclude: per query, rows it may not return.

        Returns:
            Neighbors of shape (q, k): best first, of what was found equal scores in order of rows; -1 and -inf pad.
        """
        width = k + widest(exclude) + SPARE
        if width * WIDE > len(self._data) or k < 1 or not len(queries):
            return self._scan.search(queries, k, exclude)
        queries = np.ascontiguousarray(queries, np.float32)
        rows, scores = ranked(queries, self._data, self._near(queries, width), exclude)
        return Neighbors(rows[:, :k], scores[:, :k])
