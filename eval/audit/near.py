"""Near-duplicates among the samples of a pool, by perceptual hash and vector. Pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.audit.checks import SAME_SIDE, DataRoles
from eval.audit.duplicates import (
    MAX_BITS,
    NEAR_ALONE,
    NEAR_WITH_HASH,
    NearPairs,
    SpaceVectors,
    hash_comparisons,
    near_by_hash,
    near_by_vector,
)
from eval.ranking.identities import is_one_of
from eval.seams.samples import shared_rows, text_codes
from retrieval.types import Int64, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.samples import Pool

NO_HASH = 64
"""Number of bits said of pairs without two hashes."""


def near_pairs(pool: Pool, vectors: SpaceVectors, bits: int = MAX_BITS, roles: DataRoles | None = None) -> NearPairs:
    """Find the near-duplicates of a pool (:data:`eval.audit.duplicates.NEAR_WITH_HASH`), as pairs of its rows.

    Two samples of one content are copies, not near-duplicates.

    Args:
        pool: samples with the columns ``key`` and ``phash``.
        vectors: of these samples.
        bits: largest number of differing bits of their hashes, 0 to 3.
        roles: where given, only pairs that meet in these roles are of interest.
    """
    contents = _content_codes(pool)

    def meet(first: Int64, second: Int64) -> NDArray[np.bool_]:
        different: NDArray[np.bool_] = contents[first] != contents[second]
        return different if roles is None else different & (roles.relation(first, second) > SAME_SIDE)

    rows, hashes = _hashed(pool, vectors)
    return near_by_hash(vectors, rows, hashes, bits, meet)


def comparisons(pool: Pool, vectors: SpaceVectors) -> int:
    """Return the number of pairs of hashes that :func:`near_pairs` compares."""
    return hash_comparisons(_hashed(pool, vectors)[1])


def near_neighbours(pool: Pool, vectors: SpaceVectors, neighbours: Neighbors, bits: int = MAX_BITS) -> NearPairs:
    """Find near-duplicates as :func:`near_pairs` does, but among nearest neighbours only.

    Args:
        pool: samples with the columns ``key`` and ``phash``.
        vectors: of these samples.
        neighbours: nearest neighbours of each sample with a vector, as positions among those.
        bits: largest number of differing bits of their hashes, 0 to 3.
    """
    pairs = near_by_vector(vectors, np.flatnonzero(vectors.rows >= 0), neighbours, NEAR_WITH_HASH)
    first, second, distance, differ = _near_pairs(pool, vectors, *pairs)
    contents = _content_codes(pool)
    near = (differ <= bits) & (contents[first] != contents[second])
    return NearPairs(first[near], second[near], distance[near], differ[near])


def vector_pairs(pool: Pool, vectors: SpaceVectors, neighbours: Neighbors, hashed: NearPairs) -> NearPairs:
    """Find pairs that are near by vector alone (:data:`eval.audit.duplicates.NEAR_ALONE`).

    Args:
        pool: samples with the columns ``key`` and ``phash``.
        vectors: of these samples.
        neighbours: nearest neighbours of each sample with a vector, as positions among those.
        hashed: near-duplicates, which are left out.
    """
    contents = _content_codes(pool)
    first, second = near_by_vector(vectors, np.flatnonzero(vectors.rows >= 0), neighbours, NEAR_ALONE)
    codes = first * len(pool) + second
    other = (contents[first] != contents[second]) & ~np.isin(codes, hashed.first * len(pool) + hashed.second)
    return _near_pairs(pool, vectors, first[other], second[other])


def _near_pairs(pool: Pool, vectors: SpaceVectors, first: Int64, second: Int64) -> NearPairs:
    """Add distances and differing bits to pairs."""
    has_hash, hashes = pool.known("phash"), _hash_values(pool)
    bits = np.bitwise_count(hashes[first] ^ hashes[second]).astype(np.int64)
    bits[~(has_hash[first] & has_hash[second])] = NO_HASH
    return NearPairs(first, second, np.maximum(vectors.distances(first, second), 0), bits)


def distinct_contents(pool: Pool, pairs: NearPairs, relation: Int64) -> Int64:
    """Select one pair of samples for each pair of contents: of copies, the pair of the worst relation.

    Args:
        pool: samples with the column ``key``.
        pairs: pairs of its rows.
        relation: (pairs,) how they meet, worse is higher.

    Returns:
        Ascending positions in ``pairs``.
    """
    if not len(pairs.first):
        return pairs.first
    contents = _content_codes(pool)
    both = np.sort(np.stack([contents[pairs.first], contents[pairs.second]]), axis=0)
    order = np.lexsort((pairs.second, pairs.first, -relation, both[1], both[0]))
    _, at = np.unique(both[:, order], axis=1, return_index=True)
    positions: Int64 = np.sort(order[at])
    return positions


def _content_codes(pool: Pool) -> Int64:
    """Numbers (n,) that are equal for equal contents: of each the first row."""
    codes = np.arange(len(pool), dtype=np.int64)
    for rows in shared_rows(pool.columns["key"]):
        codes[rows] = rows[0]
    return codes


def _hashed(pool: Pool, vectors: SpaceVectors) -> tuple[Int64, NDArray[np.uint64]]:
    """Rows of the samples with a vector and a perceptual hash, and their hashes."""
    if "phash" not in pool.columns or vectors.scale is None:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    rows = np.flatnonzero((vectors.rows >= 0) & pool.known("phash")).astype(np.int64)
    return rows, _hash_values(pool)[rows]


def _hash_values(pool: Pool) -> NDArray[np.uint64]:
    values = [0 if value is None else int(value) for value in pool.columns["phash"]]
    return np.array(values, np.int64).view(np.uint64)


def left_out(pool: Pool, rules: Mapping[str, Any]) -> tuple[Int64, ...]:
    """Numbers (n,) that two samples share if a protocol's rules leave one out of the ranking of the other."""
    numbers = []
    if rules.get("group_rule") == "exclude":
        numbers.append(text_codes(pool.columns["group"])[0])
    if rules.get("camera_rule", "auto") != "none":
        identity, camera = (text_codes(pool.columns[name])[0] for name in ("identity", "camera"))
        both_known = (identity >= 0) & (camera >= 0)
        # Distractors have no identity, so none of them is left out.
        both_known &= ~is_one_of(pool.columns["identity"], rules.get("distractor_identities", ()))
        numbers.append(np.where(both_known, identity * (camera.max(initial=0) + 1) + camera, -1))
    return tuple(numbers)
