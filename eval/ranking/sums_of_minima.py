"""Sums of the smaller of two weights, for sparse vectors of queries and of a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from retrieval.types import Float32

Sparse: TypeAlias = Any
"""A ``scipy.sparse.csr_array``; scipy has no types."""

CELLS_AT_ONCE, TERMS_AT_ONCE = 1 << 17, 1 << 20
"""Sums that exist at a time, and terms of them."""


class SumsOfMinima:
    """Sums of min(V_q, V_g) for queries and gallery, by an inverted index of the gallery.

    The lists of all columns of a query are copied one after the other, limited to the query's weights, and made dense:
    entries of one gallery sample are then added up.
    """

    def __init__(self, queries: Sparse, gallery: Sparse) -> None:
        self._queries, self._inverted = queries, gallery.T.tocsr()
        self._sizes = np.diff(self._inverted.indptr)
        terms = np.concatenate([[0], np.cumsum(self._sizes[queries.indices], dtype=np.int64)])
        self._terms = terms[queries.indptr]

    def __call__(self, first: int, last: int) -> Iterator[tuple[int, Float32]]:
        """Yield (first query, sums (rows, gallery)) of pieces of the queries from first to last."""
        from scipy.sparse import csr_array

        gallery = self._inverted.shape[1]
        most = max(1, CELLS_AT_ONCE // max(1, gallery))
        buffer = np.empty((min(most, last - first), gallery), np.float32)
        while first < last:
            enough = int(np.searchsorted(self._terms, self._terms[first] + TERMS_AT_ONCE, side="right")) - 1
            stop = min(last, first + most, max(first + 1, enough))
            bounds = self._queries.indptr[first : stop + 1]
            columns = self._queries.indices[bounds[0] : bounds[-1]]
            lists = self._inverted[columns]
            limits = np.repeat(self._queries.data[bounds[0] : bounds[-1]], self._sizes[columns])
            np.minimum(lists.data, limits, out=lists.data)
            sums = csr_array(
                (lists.data, lists.indices, lists.indptr[bounds - bounds[0]]), shape=(stop - first, gallery)
            )
            yield first, sums.toarray(out=buffer[: stop - first])
            first = stop
