"""The k nearest of every sample among all of them, from one half of the square of their similarities.

The similarity of two samples is the same from either side, so it is computed once: a strip of rows meets the columns
from its own first row on, and each score is offered to the row and to the column. A score is kept if it reaches the
k-th best that the sample has met so far. Rows are taken in random order, hence after r of n rows the k-th best of a
sample is that of a random draw, and only about k * log(n / r) more of its scores are ever kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from eval.ranking.score_keys import BestKeys, Keys, keys_of, positions_of, row_chunks, scores_of
from eval.scorers.similarity import BLOCK_BYTES, equal_rows
from retrieval.types import Float32, Int64

FIRST_ROWS = 64
"""Rows of the first strip. It has no k-th best to go by, so all of its scores are kept; each strip may be as tall as
all before it."""

MOST_ROWS = 1024
"""Rows of a strip at most: the square at its left end is computed from both sides."""

SAMPLED = 2048
"""Entries of a row whose k-th best is a bound where the rows before have not given one."""

PIECE_BYTES = 512 << 10
"""Scores that a thread looks at together, so that they stay in its cache."""


class Neighbourhood(NamedTuple):
    """Per sample its k nearest, itself first, then best first.

    Attributes:
        nearest: (n, k) rows.
        cosine: (n, k) their similarities.
        spread: (n,) the largest squared distance to any sample, 1 - cosine; 1 where all are equal.
    """

    nearest: Int64
    cosine: Float32
    spread: Float32


def neighbourhood(vectors: Float32, k: int) -> Neighbourhood:
    """Find the k nearest of every sample among all of them, itself included; all if there are fewer than k.

    A sample is its own first neighbour even if others are equal to it. Equal similarities are in order of the rows.
    Equal vectors have equal similarities.

    Args:
        vectors: (n, d) of length one.
        k: number of neighbours, at least one.
    """
    n = len(vectors)
    k = min(k, n)
    copies, firsts = equal_rows(vectors)
    if len(copies):
        origin = np.arange(n)
        origin[copies] = firsts
        distinct, group = np.unique(origin, return_inverse=True)
        keys, lowest = _search(vectors[distinct], min(k, len(distinct)))
        keys, lowest = _with_copies(keys, group, k)[group], lowest[group]
    else:
        keys, lowest = _search(vectors, k)
    nearest, cosine = _itself_first(keys, vectors)
    spread = 1 - lowest
    return Neighbourhood(nearest, cosine, np.where(spread > 0, spread, np.float32(1)))


def best_columns(scores: Float32, k: int) -> Int64:
    """Columns of the k largest of ``scores`` (n,), best first, equal scores by column; all if n <= k."""
    k = min(k, len(scores))
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    eligible = np.flatnonzero(scores >= least)
    columns: Int64 = eligible[np.argsort(-scores[eligible], kind="stable")[:k]]
    return columns


def _search(vectors: Float32, k: int) -> tuple[Keys, Float32]:
    """Keys (n, k) of the k best of every row, best first, itself wherever its score puts it; lowest scores (n,)."""
    n, workers = len(vectors), os.cpu_count() or 1
    order = np.random.default_rng(0).permutation(n)
    shuffled = vectors[order]
    best = BestKeys(n, k)
    lowest = np.full(n, np.inf, np.float32)
    with ThreadPoolExecutor(workers) as pool:
        for start, scores in _strips(shuffled):
            strip = _ScoreStrip(start, scores, order, best)
            edges = np.linspace(0, len(scores), workers + 1).astype(int)
            for owners, keys, low in list(pool.map(strip.look, edges[:-1], edges[1:])):
                best.offer(owners, keys)
                np.minimum(lowest[start:], low, out=lowest[start:])
            rows = slice(start, start + len(scores))
            np.minimum(lowest[rows], scores.min(axis=1), out=lowest[rows])
    best.settle()
    best.keys.sort(axis=1)
    keys, low = np.empty_like(best.keys), np.empty_like(lowest)
    keys[order], low[order] = best.keys[:, ::-1], lowest
    return keys, low


def _strips(vectors: Float32) -> Iterator[tuple[int, Float32]]:
    """Yield (first row, scores (rows, n - first row)) of strips that together are the upper half of the square."""
    n, start = len(vectors), 0
    buffer = np.empty(min(n * n, max(n, BLOCK_BYTES // 4)), np.float32)
    while start < n:
        columns = n - start
        rows = min(columns, max(1, len(buffer) // columns), MOST_ROWS, max(FIRST_ROWS, start))
        scores = buffer[: rows * columns].reshape(rows, columns)
        yield start, np.matmul(vectors[start : start + rows], vectors[start:].T, out=scores)
        start += rows


class _ScoreStrip(NamedTuple):
    """A strip of scores, of shuffled rows from ``start`` on and as many columns as there are from there on."""

    start: int
    scores: Float32
    order: Int64
    best: BestKeys

    def look(self, first: int, last: int) -> tuple[Int64, Keys, Float32]:
        """Scores of the strip's rows from first to last that their row or their column has use for.

        Returns:
            Rows and keys of the scores (hits,), and the lowest score of every column.
        """
        columns = self.scores.shape[1]
        least = self.best.least[self.start :].copy()
        least[: len(self.scores)] = np.inf  # columns that are rows of this strip get their scores as rows
        lowest = np.full(columns, np.inf, np.float32)
        hits: list[tuple[Int64, Keys]] = [(np.empty(0, np.int64), np.empty(0, np.uint64))]
        for top, bottom in row_chunks(last - first, 4 * columns, PIECE_BYTES):
            piece = self.scores[first + top : first + bottom]
            np.minimum(lowest, piece.min(axis=0), out=lowest)
            hits += self._useful(self.start + first + top, piece, least)
        owners, keys = (np.concatenate(arrays) for arrays in zip(*hits, strict=True))
        return owners, keys, lowest

    def _useful(self, row: int, piece: Float32, least: Float32) -> list[tuple[Int64, Keys]]:
        """Pairs (rows, keys) of the piece whose first row is ``row``: of its rows, and of its columns."""
        least_of_rows = self._least_of_rows(row, piece)
        at = np.flatnonzero(np.minimum(least_of_rows[:, None], least) <= piece)
        y, x = np.divmod(at, piece.shape[1])
        scores = piece.reshape(-1)[at]
        across, down = scores >= least_of_rows[y], scores >= least[x]
        return [
            (row + y[across], keys_of(scores[across], self.order[self.start + x[across]])),
            (self.start + x[down], keys_of(scores[down], self.order[row + y[down]])),
        ]

    def _least_of_rows(self, row: int, piece: Float32) -> Float32:
        """Score that an entry of each row must reach; of early rows that of the best of some of their entries."""
        least, k = self.best.least[row : row + len(piece)], self.best.keys.shape[1]
        some = piece[:, :SAMPLED]
        if row >= SAMPLED or some.shape[1] < k:
            return least
        at = some.shape[1] - k
        return np.maximum(least, np.partition(some, at, axis=1)[:, at])


def _with_copies(keys: Keys, group: Int64, k: int) -> Keys:
    """Keys (groups, k) among all samples, from those among the first samples of groups of equal ones.

    Args:
        keys: (groups, at most k), positions are groups.
        group: (n,) group of every sample; groups are numbered in order of their first sample.
        k: number of keys.
    """
    members = np.argsort(group, kind="stable")
    size = np.bincount(group)
    first = np.cumsum(size) - size
    result = np.empty((len(keys), k), np.uint64)
    for start, stop in row_chunks(len(keys), 24 * k * k, BLOCK_BYTES):
        part = keys[start:stop].reshape(-1)
        of = positions_of(part)
        counts = np.minimum(size[of], k)
        owner = np.repeat(np.arange(len(part)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        every = keys_of(scores_of(part)[owner], members[first[of[owner]] + within])
        row = owner // keys.shape[1]
        order = np.lexsort((~every, row))
        begin = np.searchsorted(row, np.arange(stop - start))
        result[start:stop] = every[order][begin[:, None] + np.arange(k)]
    return result


def _itself_first(keys: Keys, vectors: Float32) -> tuple[Int64, Float32]:
    """Rows and scores (n, k) of keys (n, k), the sample itself before the best others."""
    n, k = keys.shape
    nearest = positions_of(keys)
    itself = nearest == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # as many others are as near, so the last has to go
    others = keys[~itself].reshape(n, k - 1)
    itself_cosine = np.einsum("ij,ij->i", vectors, vectors)
    return (
        np.concatenate([np.arange(n)[:, None], positions_of(others)], axis=1),
        np.concatenate([itself_cosine[:, None], scores_of(others)], axis=1),
    )
