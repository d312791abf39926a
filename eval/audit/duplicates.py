"""Near-duplicates by perceptual hash and by vector, in memory that does not grow with the square of the samples."""

from __future__ import annotations

from collections.abc import Iterator
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

A choice, not an estimate: it was made on the data it is described with, one set in one space (1,487 real hands at
100 and 180 pixels, EfficientNet-B3). Copies of 24 of these photographs, drawn with one seed and saved again as JPEG
of quality 90, lie at .035 in the median and .11 at most, copies of twice the size the same; all 39 pairs within .15
whose hashes agree show one hand of one person. Hashes alone agree for 12,000 pairs there, nine of ten of different
persons. Other pictures and encoders may want another limit; nothing here says how many near-duplicates are missed."""

NEAR_ALONE = 0.04
"""Largest such distance of near-duplicates whatever their hashes, chosen on the same data: it keeps about half of those
24 copies, and no pair of other images there."""

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


def near_duplicates(
    vectors: Float32, contents: Int64, hashes: UInt64, hashed: NDArray[np.bool_], neighbours: Neighbors, bits: int
) -> NearPairs:
    """Find pairs of different content that look nearly the same.

    A pair counts within :data:`NEAR_ALONE` of the typical distance, or within :data:`NEAR_WITH_HASH` where the
    perceptual hashes differ in at most ``bits`` bits. The pairs considered are all whose hashes differ in at most
    ``bits`` bits, and the nearest neighbours.

    Args:
        vectors: (n, d) of length one.
        contents: (n,) numbers; pairs of one number are duplicates, not near-duplicates.
        hashes: (n,).
        hashed: (n,) whether a hash is known.
        neighbours: (n, k) nearest rows of each row.
        bits: 0 to 3.
    """
    scale = typical_distance(vectors)
    with_hash = np.flatnonzero(hashed)
    candidates = [_near(vectors, with_hash[a], with_hash[b], scale) for a, b in hamming_pairs(hashes[with_hash], bits)]
    rows = np.repeat(np.arange(len(vectors)), neighbours.rows.shape[1])
    near = neighbours.rows.reshape(-1)
    valid = (near >= 0) & (near != rows)
    lower, upper = np.minimum(rows, near)[valid], np.maximum(rows, near)[valid]
    candidates.append(_near(vectors, lower, upper, scale))
    first, second = np.unique(np.concatenate(candidates, axis=1), axis=1)
    other = contents[first] != contents[second]
    first, second = first[other], second[other]
    distance = (1 - _cosines(vectors, first, second)) / scale
    differ = np.bitwise_count(hashes[first] ^ hashes[second]).astype(np.int64)
    differ[~(hashed[first] & hashed[second])] = 64
    keep = (distance <= NEAR_ALONE) | ((distance <= NEAR_WITH_HASH) & (differ <= bits))
    return NearPairs(first[keep], second[keep], np.maximum(distance[keep], 0), differ[keep])


def _near(vectors: Float32, first: Int64, second: Int64, scale: float) -> Int64:
    """Select the pairs that may be near-duplicates, (2, n), early, since hashes agree for many more than are kept."""
    near = (1 - _cosines(vectors, first, second)) / scale <= NEAR_WITH_HASH
    return np.stack([first[near], second[near]])


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
