from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.audit import duplicates
from eval.audit.duplicates import (
    NEAR_ALONE,
    NEAR_WITH_HASH,
    NearPairs,
    SpaceVectors,
    hamming_pairs,
    hash_comparisons,
    typical_distance,
)
from eval.audit.near import near_pairs, vector_pairs
from eval.runs.neighbours import nearest_others
from eval.seams.samples import Pool
from tests.support.audit_samples import clusters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Float32

BASES = st.integers(0, 2**64 - 1)
FLIPS = st.lists(st.integers(0, 63), max_size=5)


@st.composite
def near_hashes(draw: st.DrawFn) -> list[int]:
    """Hashes around a few bases, so that many pairs are equal or nearly so, whichever bits differ."""
    bases = draw(st.lists(BASES, min_size=1, max_size=3))
    found = []
    for which, flips in draw(st.lists(st.tuples(st.sampled_from(bases), FLIPS), max_size=14)):
        value = which
        for bit in flips:
            value ^= 1 << bit
        found.append(value)
    return found


def brute_force(hashes: list[int], bits: int) -> list[tuple[int, int]]:
    return [(a, b) for a, b in combinations(range(len(hashes)), 2) if (hashes[a] ^ hashes[b]).bit_count() <= bits]


def listed(hashes: list[int], bits: int) -> list[tuple[int, int]]:
    blocks = hamming_pairs(np.array(hashes, np.uint64), bits)
    return sorted((int(a), int(b)) for first, second in blocks for a, b in zip(first, second, strict=True))


@given(near_hashes(), st.integers(0, 3))
def test_hamming_pairs_are_those_of_brute_force_each_once(hashes: list[int], bits: int) -> None:
    assert listed(hashes, bits) == brute_force(hashes, bits)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_blocks_of_any_size_give_the_same_pairs(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "PAIRS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    hashes = [[0, 5, 2**40][at % 3] ^ (1 << int(bit)) for at, bit in enumerate(rng.integers(0, 64, 30))]
    assert listed(hashes, 3) == brute_force(hashes, 3)
    assert listed(hashes, 3)


@pytest.mark.parametrize("bits", [-1, 4])
def test_bits_that_the_bands_cannot_promise(bits: int) -> None:
    with pytest.raises(ValueError, match="up to 3 bits"):
        list(hamming_pairs(np.zeros(2, np.uint64), bits))


def test_typical_distance_is_the_median_of_all_pairs() -> None:
    vectors = clusters(6, 5, noise=0.5)
    all_pairs = [1 - float(vectors[a] @ vectors[b]) for a, b in combinations(range(30), 2)]
    assert typical_distance(vectors) == pytest.approx(np.median(all_pairs), rel=0.05)
    assert typical_distance(vectors) == typical_distance(vectors)


def rotated(vector: np.ndarray, distance: float) -> np.ndarray:
    """A unit vector at this cosine distance."""
    other = np.roll(vector, 1) - (np.roll(vector, 1) @ vector) * vector
    other /= np.linalg.norm(other)
    cosine = 1 - distance
    return np.asarray(cosine * vector + np.sqrt(1 - cosine**2) * other, np.float32)


@pytest.mark.parametrize(
    ("of_the_typical", "flipped", "hashed", "found"),
    [
        (NEAR_ALONE * 0.9, 30, "hashed", "vector"),
        (NEAR_ALONE * 0.9, 0, "no hash", "vector"),
        (NEAR_ALONE * 1.2, 30, "hashed", "nothing"),
        (NEAR_WITH_HASH * 0.9, 3, "hashed", "hash"),
        (NEAR_WITH_HASH * 0.9, 4, "hashed", "nothing"),
        (NEAR_WITH_HASH * 0.9, 0, "no hash", "nothing"),
        (NEAR_WITH_HASH * 1.1, 0, "hashed", "nothing"),
    ],
)
def test_near_by_vector_alone_or_by_hash_and_vector(
    of_the_typical: float, flipped: int, hashed: str, found: str
) -> None:
    rng = np.random.default_rng(1)
    vectors = clusters(200, 1, d=64)
    vectors[7] = rotated(vectors[3], of_the_typical * typical_distance(vectors))
    hashes = rng.integers(0, 2**63, 200).astype(np.uint64)
    hashes[7] = hashes[3] ^ np.uint64(2**flipped - 1)
    known = np.ones(200, np.bool_)
    known[7] = hashed == "hashed"
    by_hash, alone = near(vectors, [f"k{at}" for at in range(200)], hashes, known)
    pairs = by_hash if len(by_hash.first) else alone
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == (
        [(3, 7)] if found != "nothing" else []
    )
    if found != "nothing":
        assert found == ("hash" if len(by_hash.first) else "vector")
        assert pairs.bits.tolist() == [flipped if hashed == "hashed" else 64]
        assert pairs.distance[0] == pytest.approx(of_the_typical, rel=0.05)


def near(
    vectors: Float32, keys: list[str], hashes: NDArray[np.uint64], known: NDArray[np.bool_]
) -> tuple[NearPairs, ...]:
    """Pairs that are near by hash and vector, and by vector alone."""
    phash = [int(value) if hashed else None for value, hashed in zip(hashes.view(np.int64), known, strict=True)]
    columns = {"key": np.array(keys, np.object_), "phash": np.array([*phash, None], np.object_)[:-1]}
    samples = Pool(np.array([f"{at:03d}" for at in range(len(keys))]), columns)
    space = SpaceVectors(vectors, np.arange(len(keys)))
    by_hash = near_pairs(samples, space)
    return by_hash, vector_pairs(samples, space, nearest_others(vectors, min(5, len(keys) - 1)), by_hash)


def test_the_same_content_is_no_near_duplicate_and_one_vector_everywhere_is_no_crash() -> None:
    vectors = clusters(1, 4, noise=0)
    hashes, known = np.zeros(4, np.uint64), np.ones(4, np.bool_)
    assert [len(pairs.first) for pairs in near(vectors, ["k"] * 4, hashes, known)] == [0, 0]
    other, alone = near(vectors, ["a", "b", "b", "b"], hashes, known)
    assert list(zip(other.first.tolist(), other.second.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3)]
    assert not len(alone.first)


def test_the_cost_is_known_before() -> None:
    assert hash_comparisons(np.zeros(5, np.uint64)) == 4 * 10
    assert hash_comparisons(np.arange(5, dtype=np.uint64)) == 3 * 10
