"""Batches of an epoch: properties of every kind, for any samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import InputError
from retrieval.types import Int64
from training.sampling import (
    balanced_batches,
    draw_evenly,
    epoch_generator,
    identity_batches,
    identity_notes,
    shuffled_batches,
    weighted_batches,
)

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)
"""Numbers of samples of each class."""


def samples(sizes: list[int]) -> tuple[Int64, Int64]:
    """Rows, not from 0 on, and their classes."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(len(codes)).permutation(np.arange(100, 100 + len(codes))), codes


@settings(max_examples=40)
@given(SIZES, st.integers(1, 8), st.booleans())
def test_shuffled_batches_have_every_row_once(sizes: list[int], size: int, keep_rest: bool) -> None:  # noqa: FBT001
    rows, _ = samples(sizes)
    batches = shuffled_batches(rows, size, 0, 0, keep_rest=keep_rest)
    used = np.concatenate(batches).tolist()
    assert len(set(used)) == len(used)
    assert set(used) <= set(rows.tolist())
    if keep_rest or len(rows) <= size:
        assert set(used) == set(rows.tolist())
    else:
        assert {len(batch) for batch in batches} == {size}
        assert len(rows) - len(used) < size


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(0, 40))
def test_even_draws_differ_by_one_at_most(n: int, number: int) -> None:
    counts = Counter(draw_evenly(np.arange(n), number, np.random.default_rng(0)).tolist())
    assert counts.total() == number
    assert max(counts.values(), default=0) - min(counts[row] for row in range(n)) <= 1


@settings(max_examples=40)
@given(SIZES, st.integers(1, 8))
def test_balanced_batches_have_all_classes_equally_often(sizes: list[int], size: int) -> None:
    rows, codes = samples(sizes)
    code_of = dict(zip(rows.tolist(), codes.tolist(), strict=True))
    batches = balanced_batches(rows, codes, size, 3, 1)
    assert [len(batch) for batch in batches] == [size] * max(1, len(rows) // size)
    used = Counter(code_of[row] for batch in batches for row in batch.tolist())
    assert max(used.values()) - min(used[code] for code in range(len(sizes))) <= 1


def test_weighted_batches_follow_the_weights() -> None:
    rows, weights = np.arange(4), np.array([0.0, 1.0, 1.0, 6.0])
    batches = [batch for epoch in range(500) for batch in weighted_batches(rows, weights, 2, 0, epoch)]
    assert len(batches) == 1000
    shares = np.bincount(np.concatenate(batches), minlength=4) / 2000
    assert shares[0] == 0
    assert np.allclose(shares, weights / 8, atol=4 * np.sqrt(0.75 * 0.25 / 2000))


def _most_batches(portions: list[int], identities: int) -> int:
    """The largest number of batches of different identities, found by filling them one by one."""
    for number in range(sum(portions), 0, -1):
        left = [min(count, number) for count in portions]
        for _ in range(number):
            fullest = sorted(range(len(left)), key=lambda at: -left[at])[:identities]
            if len(fullest) < identities or left[fullest[-1]] == 0:
                break
            for at in fullest:
                left[at] -= 1
        else:
            return number
    return 0


@settings(max_examples=100)
@given(SIZES, st.integers(1, 4), st.integers(1, 4), st.integers(0, 3))
def test_identity_batches_have_p_identities_and_k_images(sizes: list[int], p: int, k: int, epoch: int) -> None:
    rows, codes = samples(sizes)
    if len(sizes) < p or max(sizes) < 2:
        with pytest.raises(InputError):
            identity_batches(rows, codes, p, k, 0, epoch)
        return
    code_of = dict(zip(rows.tolist(), codes.tolist(), strict=True))
    batches = identity_batches(rows, codes, p, k, 0, epoch)
    assert len(batches) == _most_batches([max(1, size // k) for size in sizes], p)
    used: Counter[int] = Counter()
    for batch in batches:
        portions = batch.reshape(p, k)
        shown = [{code_of[row] for row in portion.tolist()} for portion in portions]
        assert all(len(codes_of_portion) == 1 for codes_of_portion in shown)
        assert len(set.union(*shown)) == p
        used.update(batch.tolist())
    for row, times in used.items():
        size = sizes[code_of[row]]
        assert times == 1 if size >= k else times <= -(-k // size)
    for portion in (portion for batch in batches for portion in batch.reshape(p, k)):
        assert len(set(portion.tolist())) == min(k, sizes[code_of[int(portion[0])]])


@settings(max_examples=30)
@given(SIZES, st.integers(0, 5), st.integers(0, 5))
def test_every_epoch_has_equally_many_batches_and_the_same_ones_again(sizes: list[int], seed: int, epoch: int) -> None:
    rows, codes = samples([*sizes, 4, 4])
    makers: tuple[Callable[[int], list[Int64]], ...] = (
        lambda epoch: shuffled_batches(rows, 3, seed, epoch),
        lambda epoch: balanced_batches(rows, codes, 3, seed, epoch),
        lambda epoch: weighted_batches(rows, rows.astype(float), 3, seed, epoch),
        lambda epoch: identity_batches(rows, codes, 2, 2, seed, epoch),
    )
    for make in makers:
        batches, again, later = make(epoch), make(epoch), make(epoch + 1)
        assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in again]
        assert len(batches) == len(later)


def test_epochs_seeds_and_streams_are_different() -> None:
    first = [epoch_generator(*key).integers(2**60) for key in ((0, 0, 1), (0, 0, 2), (0, 1, 1), (1, 0, 1))]
    assert len(set(first)) == 4


def test_identities_that_batches_show_otherwise_are_told() -> None:
    codes = np.array([0, 1, 1, 2, 2, 2, 2, 3, 3, 3])
    assert identity_notes(codes, 2, 4) == (
        "1 of 4 identities has a single image, which is its own positive in a batch.",
        "2 of 4 identities have fewer than 4 images, which come repeatedly in a batch.",
    )
    assert identity_notes(codes[1:], 2, 2) == ()
    with pytest.raises(InputError, match=r"A batch of 8 identities with 2 images each cannot be made of 4 identities"):
        identity_notes(codes, 8, 2)
    with pytest.raises(InputError, match="None of the 3 identities has two images"):
        identity_notes(np.arange(3), 2, 2)
