from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.ranking import neighbours
from eval.ranking.neighbours import best_columns, neighbourhood
from tests.support.sample_stores import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slow_order(cosines: NDArray[np.float32], sample: int) -> list[int]:
    """All samples, the nearest first: itself, then by cosine, equal ones by row."""
    rest = sorted((-cosine, row) for row, cosine in enumerate(cosines[sample].tolist()) if row != sample)
    return [sample, *(row for _, row in rest)]


@settings(max_examples=60, deadline=None)
@given(
    vectors=st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=40),
    k=st.integers(1, 12),
    rows=st.sampled_from([1, 3, 64]),
    nbytes=st.sampled_from([40, 300, 1 << 20]),
    sampled=st.sampled_from([1, 8, 2048]),
)
def test_neighbours_are_those_of_a_sort(vectors: list[list[int]], k: int, rows: int, nbytes: int, sampled: int) -> None:
    """Products of small integers are exact, so that ties are ties; many vectors are equal, some are zero."""
    exact = np.array(vectors, np.float32)
    cosines = exact @ exact.T
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("FIRST_ROWS", rows), ("MOST_ROWS", 2 * rows), ("SAMPLED", sampled)):
            patch.setattr(neighbours, name, value)
        patch.setattr(neighbours, "PIECE_BYTES", nbytes)
        around = neighbourhood(exact, k)
    expected = [slow_order(cosines, sample)[:k] for sample in range(len(exact))]
    assert around.nearest.tolist() == expected
    assert around.cosine.tolist() == np.take_along_axis(cosines, np.array(expected), axis=1).tolist()
    spread = 1 - cosines.min(axis=1)
    assert around.spread.tolist() == np.where(spread > 0, spread, 1).tolist()


def test_strips_of_many_rows_miss_no_neighbour() -> None:
    """Samples in order of their clusters, so that the first rows say nothing of the last."""
    centres = np.repeat(unit(12, 16, seed=2).vectors, 60, axis=0)
    raw = centres + np.float32(0.1) * np.random.default_rng(0).standard_normal(centres.shape, dtype=np.float32)
    vectors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    cosines = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    expected = np.sort(cosines, axis=1)[:, ::-1][:, :30]
    around = neighbourhood(vectors, 30)
    assert np.take_along_axis(cosines, around.nearest, axis=1) == pytest.approx(expected, abs=1e-6)
    assert around.cosine == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.integers(1, 15))
def test_best_columns_break_ties_by_place(values: list[int], k: int) -> None:
    expected = sorted(range(len(values)), key=lambda at: (-values[at], at))[:k]
    assert best_columns(np.array(values, np.float32), k).tolist() == expected
