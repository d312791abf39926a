from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.classification.shots import Sampling, take_shots
from retrieval.errors import InputError
from retrieval.types import Int64

LABELS = np.array([2, 0, 2, -1, 2, 0, 4, 2])

labels_of = st.lists(st.integers(-1, 5), max_size=40).map(lambda codes: np.array(codes, np.int64))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_first_of_each_class_in_order_of_row() -> None:
    found = take_shots(LABELS, 2, 6, "first", rng())
    assert found.positions.tolist() == [0, 1, 2, 5, 6]
    assert found.short.tolist() == [4]
    assert found.empty.tolist() == [1, 3, 5]


def test_first_does_not_ask_the_generator() -> None:
    used, fresh = rng(), rng()
    take_shots(LABELS, 2, 6, "first", used)
    assert used.random() == fresh.random()


@given(labels_of, st.integers(1, 50), st.sampled_from(["first", "random"]), st.integers(0, 100))
def test_so_many_of_each_class_or_all(labels: Int64, shots: int, sampling: Sampling, seed: int) -> None:
    found = take_shots(labels, shots, 6, sampling, rng(seed))
    assert (np.diff(found.positions) > 0).all()
    taken = np.bincount(labels[found.positions], minlength=6)
    there = np.bincount(labels[labels >= 0], minlength=6)
    assert taken.tolist() == np.minimum(there, shots).tolist()
    assert found.short.tolist() == [code for code in range(6) if 0 < there[code] < shots]
    assert found.empty.tolist() == [code for code in range(6) if there[code] == 0]


@given(labels_of, st.integers(0, 100))
def test_fewer_shots_are_among_more(labels: Int64, seed: int) -> None:
    draws = [set(take_shots(labels, shots, 6, "random", rng(seed)).positions.tolist()) for shots in (1, 2, 5, 10)]
    assert all(fewer <= more for fewer, more in pairwise(draws))


def test_a_draw_repeats_and_another_seed_draws_anew() -> None:
    labels = np.repeat(np.arange(20), 30)
    first, again, other = (take_shots(labels, 5, 20, "random", rng(seed)).positions.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_sample_is_drawn_as_often_as_the_others() -> None:
    labels = np.array([0] * 5 + [1] * 10)
    counts = np.zeros(15)
    for seed in range(4000):
        counts[take_shots(labels, 2, 2, "random", rng(seed)).positions] += 1
    # Standard deviations of a share of 4000 are 0.0077 and 0.0063; the bounds are five of them.
    np.testing.assert_allclose(counts[:5] / 4000, 0.4, atol=0.039)
    np.testing.assert_allclose(counts[5:] / 4000, 0.2, atol=0.032)


def test_no_shots_are_refused() -> None:
    with pytest.raises(InputError, match="ask for 1 or more"):
        take_shots(LABELS, 0, 6, "first", rng())
