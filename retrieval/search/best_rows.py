"""The k rows of highest score of each query, collected from blocks of approximate scores."""

from __future__ import annotations

import numpy as np

from retrieval.search.candidates import pair_scores
from retrieval.types import Float32, Int64, Neighbors

ROUNDING = 4e-6
"""Largest error of a float32 matrix product of unit vectors, which sums in an order that depends on shapes."""

LEAST_NEW = 1024
"""Number of new candidates from which on it pays to drop some."""


SAMPLED = 512
"""Number of rows of a block, spread over it, whose k-th best score is the floor where too many rows are above."""


class BestRows:
    """The k rows of highest score of each query among the blocks that were added.

    A row is a candidate if its approximate score is not below the query's floor: the k-th best so far less the error
    of both. Candidates of the end, ties at the k-th place included, are ordered by their exact scores. Where many rows
    are nearly equal, exact scores are computed on the way, so that candidates are never more than those of a block and
    three times q x k.

    Args:
        queries: (q, d) float32.
        data: (n, d) float32.
        order: (n,) sort key of each row among equal scores.
        k: number of rows, at least 1.
    """

    def __init__(self, queries: Float32, data: Float32, order: Int64, k: int) -> None:
        self._queries, self._data, self._order, self._k = queries, data, order, k
        self._error = ROUNDING * np.maximum(1, np.linalg.norm(queries, axis=1)).astype(np.float32)
        self._floor = np.full(len(queries), np.finfo(np.float32).min, np.float32)
        self._limit = max(LEAST_NEW, len(queries) * k)
        self._owner, self._row = np.empty(0, np.int64), np.empty(0, np.int64)
        self._score = np.empty(0, np.float32)
        self._new: list[tuple[Int64, Int64, Float32]] = []
        self._n_new = 0
        self._above = np.empty((0, len(queries)), np.bool_)

    def add(self, rows: Int64, scores: Float32) -> None:
        """Add a block of rows (b,) with approximate scores (b, q); rows of score -inf are left out."""
        above = self._at_least_floor(scores)
        if np.count_nonzero(above) > self._limit and len(rows) > self._k:
            by_query = scores[:: max(1, len(rows) // max(SAMPLED, 8 * self._k))].T.copy()
            kth = by_query.shape[1] - self._k
            by_query.partition(kth, axis=1)
            self._raise_floor(by_query[:, kth])
            above = self._at_least_floor(scores)
        places = np.flatnonzero(above)
        at, owner = np.divmod(places, len(self._queries))
        self._new.append((owner, rows[at], scores.reshape(-1)[places]))
        self._n_new += len(places)
        if self._n_new > self._limit:
            self._drop_low()

    def neighbors(self) -> Neighbors:
        """Return Neighbors (q, k): best first, equal scores in order of the sort keys; -1 and -inf pad short lists."""
        self._drop_low()
        self._keep_exact_best()
        rows = np.full((len(self._queries), self._k), -1, np.int64)
        scores = np.full(rows.shape, -np.inf, np.float32)
        place = np.arange(len(self._owner)) - np.searchsorted(self._owner, self._owner)
        rows[self._owner, place], scores[self._owner, place] = self._row, self._score
        return Neighbors(rows, scores)

    def _at_least_floor(self, scores: Float32) -> np.ndarray:
        if len(self._above) < len(scores):
            self._above = np.empty(scores.shape, np.bool_)
        return np.greater_equal(scores, self._floor, out=self._above[: len(scores)])

    def _raise_floor(self, kth: Float32) -> None:
        """Raise the floors, given approximate scores (q,) that k rows reach; -inf where fewer do."""
        self._floor = np.maximum(self._floor, kth - 2 * self._error)

    def _drop_low(self) -> None:
        """Add new candidates to the others, and drop those that cannot be among the k best."""
        parts = [(self._owner, self._row, self._score), *self._new]
        owner, row, score = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        self._new, self._n_new = [], 0
        # Sorting small integers takes linear time, unlike sorting scores.
        by_query = np.argsort(owner.astype(np.min_scalar_type(len(self._queries))), kind="stable")
        self._take(owner, row, score, by_query)
        starts = np.searchsorted(self._owner, np.arange(len(self._queries) + 1))
        kth = np.full(len(self._queries), -np.inf, np.float32)
        for query in np.flatnonzero(np.diff(starts) >= self._k).tolist():
            scores = self._score[starts[query] : starts[query + 1]]
            kth[query] = np.partition(scores, len(scores) - self._k)[len(scores) - self._k]
        self._raise_floor(kth)
        kept = np.flatnonzero(self._score >= self._floor[self._owner])
        self._take(self._owner, self._row, self._score, kept)
        if len(kept) > 2 * self._limit:
            self._keep_exact_best()

    def _keep_exact_best(self) -> None:
        """Compute exact scores of the candidates, and keep the best k of each query, sorted."""
        score = pair_scores(self._queries, self._data, self._owner, self._row)
        best = np.lexsort((self._order[self._row], -score, self._owner))
        sorted_owner = self._owner[best]
        place = np.arange(len(best)) - np.searchsorted(sorted_owner, sorted_owner)
        self._take(self._owner, self._row, score, best[place < self._k])

    def _take(self, owner: Int64, row: Int64, score: Float32, at: Int64) -> None:
        self._owner, self._row, self._score = owner[at], row[at], score[at]
