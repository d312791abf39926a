"""Near-duplicates by perceptual hash and by vector, in memory that does not grow with the square of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    UInt64 = NDArray[np.uint64]
    Float64 = NDArray[np.float64]

BANDS = 4
"""Bands of 16 bits: hashes that differ in at most three bits are equal in at least one band (pigeonhole)."""

MAX_BITS = BANDS - 1

PAIRS_AT_ONCE = 1 << 20
"""Pairs of a block that are compared at one time."""

SCALE_PAIRS = 20_000
"""Random pairs that the typical distance is the median of."""

NEAR_WITH_HASH = 0.15
"""Largest distance, in units of the typical one, of near-duplicates whose perceptual hashes also agree.

This defines near-duplicates, for audits and for the warnings of evaluations. It is a choice, not an estimate: it was
made on the data it is described with, one set in one space (1,487 real hands at 100 and 180 pixels, EfficientNet-B3).
Copies of 24 of these photographs, drawn with one seed and saved again as JPEG of quality 90, lie at .035 in the median
and .11 at most, copies of twice the size the same; all 39 pairs within .15 whose hashes agree show one hand of one
person. Hashes alone agree for 12,000 pairs there, nine of ten of different persons. Other pictures and encoders may
want another limit; nothing here says how many near-duplicates are missed."""

NEAR_ALONE = 0.04
"""Largest such distance of pairs that an audit shows as near by vector alone, chosen on the same data: it keeps about
half of those 24 copies, and no pair of other images there."""

SMALLEST_SCALE = 1e-5
"""Least typical distance; below it float32 vectors differ by rounding only (cosine distances of about 1e-7)."""


class NearPairs(NamedTuple):
    """Pairs of rows, ``first < second``; ``distance`` is the cosine distance over the typical one.

    ``bits`` is the number of bits in which the perceptual hashes differ, 64 if a hash is unknown. All are (n,).
    """

    first: Int64
    second: Int64
    distance: Float64
    bits: Int64


def hamming_pairs(hashes: UInt64, bits: int = MAX_BITS) -> Iterator[tuple[Int64, Int64]]:
    """Yield blocks of all pairs of 64-bit hashes that differ in at most ``bits`` bits, every pair once.

    Hashes are sorted by each band of 16 bits in turn; only those that are equal in a band are compared (multi-index
    hashing: Norouzi, Punjani and Fleet, CVPR 2012). A pair that is equal in an earlier band is not yielded again.

    Args:
        hashes: (n,).
        bits: 0 to 3.

    Yields:
        ``(first, second)`` rows, ``first < second``; a block compares about ``PAIRS_AT_ONCE`` pairs.

    Raises:
        ValueError: ``bits`` is out of range.
    """
    if not 0 <= bits <= MAX_BITS:
        raise ValueError(f"Hashes are compared up to {MAX_BITS} bits, not {bits}.")
    bands = [((hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)).astype(np.int64) for band in range(BANDS)]
    for number, band in enumerate(bands):
        for first, second in _equal_pairs(band):
            differ = hashes[first] ^ hashes[second]
            near = np.bitwise_count(differ) <= bits
            for earlier in bands[:number]:
                near &= earlier[first] != earlier[second]
            if near.any():
                yield first[near], second[near]


def typical_distance(vectors: Float32) -> float:
    """Median cosine distance of random pairs (seed 0), in units of which near-duplicates are defined.

    Spaces differ in how narrow a cone their vectors fill: the median cosine of two real hands is .60 in a trained
    space, .997 in a random one, so a cosine means something else in each. At least :data:`SMALLEST_SCALE`.

    Args:
        vectors: (n, d) of length one, n >= 2.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    first = rng.integers(0, len(vectors), SCALE_PAIRS)
    second = (first + rng.integers(1, len(vectors), SCALE_PAIRS)) % len(vectors)
    return max(float(np.median(1 - _cosines(vectors, first, second))), SMALLEST_SCALE)


class SpaceVectors:
    """Vectors of a space, and which of them each sample of a pool has.

    Args:
        data: (N, d) all vectors of the space, of length one.
        rows: (n,) row of each sample's vector, -1 for none.
    """

    def __init__(self, data: Float32, rows: Int64) -> None:
        self.data, self.rows = data, rows

    @cached_property
    def scale(self) -> float | None:
        """The typical distance of the space; None with fewer than two vectors."""
        return typical_distance(self.data) if len(self.data) > 1 else None

    def distances(self, first: Int64, second: Int64) -> Float64:
        """Cosine distances of pairs of samples, in units of the typical one."""
        return (1 - _cosines(self.data, self.rows[first], self.rows[second])) / (self.scale or 1)


def hash_comparisons(hashes: UInt64) -> int:
    """Return the number of pairs that :func:`hamming_pairs` compares."""
    bands = [((hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)).astype(np.int64) for band in range(BANDS)]
    return sum(int((counts * (counts - 1) // 2).sum()) for counts in map(np.bincount, bands))


def near_by_hash(
    vectors: SpaceVectors, rows: Int64, hashes: UInt64, bits: int, meet: Callable[[Int64, Int64], NDArray[np.bool_]]
) -> NearPairs:
    """Find near-duplicates: pairs whose hashes differ in at most ``bits`` bits, within :data:`NEAR_WITH_HASH`.

    Args:
        vectors: of all samples.
        rows: (m,) samples with a vector and a hash.
        hashes: (m,) their hashes.
        bits: 0 to 3.
        meet: says which pairs of samples matter.
    """
    parts = [np.empty((2, 0), np.int64)]
    for first, second in hamming_pairs(hashes, bits):
        pairs = np.stack([rows[first], rows[second]])
        pairs = pairs[:, meet(*pairs)]
        parts.append(pairs[:, vectors.distances(*pairs) <= NEAR_WITH_HASH])
    first, second = np.sort(np.concatenate(parts, axis=1), axis=0)
    by_row = np.zeros(len(vectors.rows), np.uint64)
    by_row[rows] = hashes
    differ = np.bitwise_count(by_row[first] ^ by_row[second]).astype(np.int64)
    return NearPairs(first, second, np.maximum(vectors.distances(first, second), 0), differ)


def near_by_vector(vectors: SpaceVectors, rows: Int64, neighbours: Neighbors, limit: float) -> tuple[Int64, Int64]:
    """Find pairs of samples within a distance in units of the typical one, among the nearest neighbours.

    Args:
        vectors: of all samples.
        rows: (m,) samples with a vector.
        neighbours: (m, k) nearest positions in ``rows`` of each of these samples.
        limit: the distance.
    """
    samples = np.repeat(rows, neighbours.rows.shape[1])
    nearest = np.where(neighbours.rows < 0, np.arange(len(rows))[:, None], neighbours.rows).reshape(-1)
    pairs = np.unique(np.sort(np.stack([samples, rows[nearest]]), axis=0), axis=1)
    pairs = pairs[:, pairs[0] != pairs[1]]
    first, second = pairs[:, vectors.distances(*pairs) <= limit]
    return first, second


def _cosines(vectors: Float32, first: Int64, second: Int64) -> Float64:
    """Inner products of pairs of rows in float64, block by block."""
    cosines = np.empty(len(first))
    step = max(1, 4_000_000 // vectors.shape[1])
    for start in range(0, len(first), step):
        block = slice(start, start + step)
        a, b = vectors[first[block]].astype(np.float64), vectors[second[block]].astype(np.float64)
        cosines[block] = np.einsum("ij,ij->i", a, b)
    return cosines


def _equal_pairs(values: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Yield blocks of all pairs of equal values, as ascending rows; the pairs of a row are in one block."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ends = np.searchsorted(ordered, ordered, side="right")
    after = ends - np.arange(len(values)) - 1
    total = np.cumsum(after)
    start = 0
    while start < len(values):
        before = total[start] - after[start]
        stop = max(start + 1, int(np.searchsorted(total, before + PAIRS_AT_ONCE, side="right")))
        counts = after[start:stop]
        left = np.repeat(np.arange(start, stop), counts)
        offset = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        first, second = order[left], order[left + 1 + offset]
        yield np.minimum(first, second), np.maximum(first, second)
        start = stop
