"""Batches of an epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.jobs.clip_data import batches_of

FOLDERS = st.lists(st.integers(0, 2), min_size=2, max_size=60).map(lambda rows: np.array(rows, np.int64))


@given(FOLDERS, st.integers(2, 9), st.integers(0, 5))
def test_a_batch_of_folders_is_of_one_source_and_no_row_comes_twice(
    folder: np.ndarray[tuple[int], np.dtype[np.int64]], size: int, seed: int
) -> None:
    batches = batches_of(folder, size, "folder", np.random.default_rng(seed))
    for batch in batches:
        assert len(set(folder[batch].tolist())) == 1
        count = int((folder == folder[batch[0]]).sum())
        assert len(batch) == min(size, count)
    rows = np.concatenate(batches)
    assert len(set(rows.tolist())) == len(rows)
    assert set(folder[rows].tolist()) == set(folder.tolist())


@given(FOLDERS, st.integers(2, 9))
def test_mixed_batches_are_full_and_their_number_does_not_depend_on_the_draw(
    folder: np.ndarray[tuple[int], np.dtype[np.int64]], size: int
) -> None:
    first, second = (batches_of(folder, size, "mixed", np.random.default_rng(seed)) for seed in (0, 1))
    assert len(first) == len(second) == max(1, len(folder) // size)
    assert {len(batch) for batch in first} == {min(size, len(folder))}


@given(FOLDERS, st.integers(2, 9))
def test_batches_of_both_kinds_take_no_row_twice_and_are_as_many_in_every_epoch(
    folder: np.ndarray[tuple[int], np.dtype[np.int64]], size: int
) -> None:
    first, second = (batches_of(folder, size, "both", np.random.default_rng(seed)) for seed in (0, 1))
    assert len(first) == len(second)
    assert all(len(batch) for batch in first)
    rows = np.concatenate(first)
    assert len(set(rows.tolist())) == len(rows)


def test_a_quarter_of_each_source_meets_the_others() -> None:
    folder = np.repeat([0, 1], [600, 200])
    batches = batches_of(folder, 10, "both", np.random.default_rng(0))
    mixed = [batch for batch in batches if len(set(folder[batch].tolist())) == 2]
    assert len(batches) == 80
    assert 15 <= len(mixed) <= 20
    together = folder[np.concatenate(mixed)]
    assert 0.6 < (together == 0).mean() < 0.9
