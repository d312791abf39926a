"""Scores with their positions as integers, and the best of them of every row.

A key holds a score, and below it the position, so that keys are in order where scores are, and of equal scores the key
of the lower position is the greater.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eval.metrics.ordered_bits import ordered_bits, scores_of_bits
from retrieval.types import Float32, Int64

Keys: TypeAlias = NDArray[np.uint64]

TABLE_BYTES = 512 << 10
"""Keys that are partitioned together, so that they stay in the cache."""

_LAST = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


class BestKeys:
    """The best keys (n, k) of every row so far, and ``least`` (n,), the score that a new one must reach."""

    def __init__(self, n: int, k: int) -> None:
        self.keys: Keys = np.zeros((n, k), np.uint64)
        self.least = np.full(n, -np.inf, np.float32)
        self._waiting: list[tuple[Int64, Keys]] = []

    def offer(self, owners: Int64, keys: Keys) -> None:
        """Remember keys of rows ``owners``; they are sorted out when there are as many as are kept."""
        self._waiting.append((owners, keys))
        if sum(len(some) for some, _ in self._waiting) > self.keys.size:
            self.settle()

    def settle(self) -> None:
        """Keep the k best of every row, and raise ``least`` to the last of them."""
        if not self._waiting:
            return
        owners, keys = (np.concatenate(arrays) for arrays in zip(*self._waiting, strict=True))
        self._waiting = []
        n, k = self.keys.shape
        order = np.argsort(owners.astype(np.min_scalar_type(n)), kind="stable")
        owners, keys = owners[order], keys[order]
        first = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n))])
        for start, stop in row_chunks(n, 8 * k, TABLE_BYTES):
            entries = slice(first[start], first[stop])
            width = int(np.diff(first[start : stop + 1]).max())
            table = np.zeros((stop - start, k + width), np.uint64)
            table[:, :k] = self.keys[start:stop]
            slots = k + np.arange(entries.start, entries.stop) - first[owners[entries]]
            table[owners[entries] - start, slots] = keys[entries]
            table.partition(width, axis=1)
            self.keys[start:stop] = table[:, width:]
            least = table[:, width]
            self.least[start:stop] = np.where(least > 0, scores_of(least), -np.inf)


def keys_of(scores: Float32, positions: Int64) -> Keys:
    """Integers that are in order where scores are, and of equal scores the greater for the lower position."""
    keys: Keys = ordered_bits(scores).astype(np.uint64) << _HALF | (_LAST - positions.astype(np.uint64))
    return keys


def scores_of(keys: Keys) -> Float32:
    """Scores of keys."""
    return scores_of_bits((keys >> _HALF).astype(np.uint32))


def positions_of(keys: Keys) -> Int64:
    """Positions of keys."""
    return (_LAST - (keys & _LAST)).astype(np.int64)


def row_chunks(n: int, row_bytes: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of chunks of n rows of ``row_bytes`` each, together ``chunk_bytes`` or one row."""
    rows = max(1, chunk_bytes // max(1, row_bytes))
    return ((start, min(n, start + rows)) for start in range(0, n, rows))
