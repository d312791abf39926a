"""How many scores of a row are above each of some of them, counted without sorting the row.

The scores of a row are counted in bins, from the lowest of those asked about to the best. The counts say how many are
above the bin of a score; only the few scores of that bin are compared with it. The rule that assigns a bin never
decreases with the score, rounding included, so the result is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.ordered_bits import ordered_bits
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BINS, ENTRIES_PER_BIN = 2048, 16
"""Bins of a row: one for so many entries, but no more than these."""

BINS_BELOW = 16
"""Bins for scores below all that are asked about, used in turn: counting in one bin waits for the last count."""

CELLS_AT_ONCE = 1 << 18
"""Scores that are counted together: their bins stay in the cache of a core."""

NARROW = 1e-30
"""Scores that are no further apart than this share a bin; so are those further apart than its inverse."""

_HALF = np.uint64(32)


def count_above(scores: Float32, row: Int64, column: Int64) -> tuple[Int64, Int64]:
    """Count, for some entries of a matrix, the entries of its row that score higher, and those that score the same.

    Args:
        scores: (rows, columns), finite or ``-inf``.
        row: (p,) rows of the entries, ascending.
        column: (p,) their columns; none is ``-inf``.

    Returns:
        Entries that score higher, and entries with the same score, itself included: (p,) each.
    """
    rows, columns = scores.shape
    asked_scores = scores[row, column]
    lowest = np.full(rows, np.inf, np.float32)
    np.minimum.at(lowest, row, asked_scores)
    at_once = max(1, CELLS_AT_ONCE // max(1, columns))
    counter = _BinCounter(min(at_once, rows), columns)
    above, beside = np.empty(len(row), np.int64), [np.empty(0, np.uint64)]
    total = 0
    for start in range(0, rows, at_once):
        entries = slice(*np.searchsorted(row, [start, start + at_once]))
        part = scores[start : start + at_once]
        higher, ends, at = counter(part, lowest[start : start + at_once], row[entries] - start, column[entries])
        above[entries] = higher + ends + total
        beside.append(_keys(at // columns + start, part.reshape(-1)[at]))
        total += len(at)
    keys, wanted = np.sort(np.concatenate(beside)), _keys(row, asked_scores)
    last = np.searchsorted(keys, wanted, side="right")
    return above - last, last - np.searchsorted(keys, wanted)


class _BinCounter:
    """Counts the scores of at most ``rows`` rows in bins; holds the memory for it."""

    def __init__(self, rows: int, columns: int) -> None:
        self._range = min(MOST_BINS, columns // ENTRIES_PER_BIN) + 1
        self._slots = BINS_BELOW + self._range + 1
        self._first = np.arange(rows, dtype=np.float32)[:, None] * self._slots + BINS_BELOW
        self._below = -1 - np.arange(columns, dtype=np.float32) % BINS_BELOW
        self._offsets, self._bins = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.int64)
        self._small_bins = np.empty((rows, columns), np.int32)
        self._shared = np.empty((rows, columns), np.bool_)

    def __call__(self, scores: Float32, lowest: Float32, row: Int64, column: Int64) -> tuple[Int64, Int64, Int64]:
        """Count the scores above the bins of some entries.

        Args:
            scores: (rows, columns), contiguous.
            lowest: (rows,) the lowest score among the entries.
            row: (p,) rows of the entries.
            column: (p,) their columns.

        Returns:
            Scores above the bin of each entry (p,). The positions, in ``scores`` as one row, of the scores in the bins
            of any entry; and how many of these are in or below the bin of each entry (p,), counted from the first row.
        """
        bins = self._assign(scores, lowest)
        counts = np.bincount(bins.reshape(-1), minlength=len(scores) * self._slots)
        own_bin = bins[row, column]
        is_occupied = np.zeros(len(counts), np.bool_)
        is_occupied[own_bin] = True
        occupied = np.flatnonzero(is_occupied)
        shared = np.take(is_occupied, bins, out=self._shared[: len(scores)], mode="clip")
        to_end = np.cumsum(counts)[own_bin]
        ends = np.cumsum(counts[occupied])[np.searchsorted(occupied, own_bin)]
        return (row + 1) * scores.shape[1] - to_end, ends, np.flatnonzero(shared)

    def _assign(self, scores: Float32, lowest: Float32) -> Int64:
        """Bin of every score (rows, columns); those of different rows differ."""
        n = len(scores)
        extent = scores.max(axis=1, initial=-np.inf) - lowest
        usable = (extent > NARROW) & (extent < 1 / NARROW)
        scale = np.where(usable, self._range / np.where(usable, extent, 1), 1).astype(np.float32)
        offsets = np.subtract(scores, lowest[:, None], out=self._offsets[:n])
        offsets *= scale[:, None]
        if not usable.all():
            np.minimum(offsets, self._range, out=offsets)
        np.maximum(offsets, self._below, out=offsets)
        offsets += self._first[:n]
        np.copyto(self._small_bins[:n], offsets, casting="unsafe")  # to int64 by this way, since it is faster
        np.copyto(self._bins[:n], self._small_bins[:n])
        return self._bins[:n]


def _keys(row: Int64, scores: Float32) -> NDArray[np.uint64]:
    """Integers in order of the row, then of the score."""
    keys: NDArray[np.uint64] = row.astype(np.uint64) << _HALF | ordered_bits(scores)
    return keys
