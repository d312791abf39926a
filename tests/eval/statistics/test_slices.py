from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eval.statistics.query_summary import DrawTable
from eval.statistics.slices import MOST_BANDS, is_small, slice_draws, slice_names


def names(*values: Any) -> list[str]:
    return list(slice_names(np.array(values, dtype=np.object_)))


def test_texts_and_few_numbers_name_themselves() -> None:
    assert names("dorsal", None, "palmar") == ["dorsal", "unknown", "palmar"]
    assert names(0, 1, None, 1) == ["0", "1", "unknown", "1"]
    assert names(True, False) == ["True", "False"]


def test_ages_are_cut_into_tens() -> None:
    ages = [18, 21, 22, 29, 30, 35, 44, 59, 75, None]
    assert names(*ages) == ["10-19", "20-29", "20-29", "20-29", "30-39", "30-39", "40-49", "50-59", "70-79", "unknown"]


def test_fractions_are_half_open() -> None:
    assert names(*(at / 10 for at in range(10)))[1:4] == ["[0, 0.2)", "[0.2, 0.4)", "[0.2, 0.4)"]


@given(st.sets(st.integers(-10_000, 10_000) | st.floats(), min_size=1, max_size=40))
@example({-1.5000000015000001e308, 0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 1.4999999985e308})
def test_there_are_never_too_many_bands(values: set[float]) -> None:
    assert len(set(names(*values)) - {"unknown"}) <= MOST_BANDS


def test_below_zero_and_nothing_finite() -> None:
    assert names(*range(-20, -10), float("nan"))[:2] == ["-20 to -19", "-20 to -19"]
    assert names(float("nan"), float("inf"), None) == ["unknown"] * 3


def test_queries_of_a_slice_from_all_parts_draw_by_draw() -> None:
    first = [DrawTable(np.array([[1.0], [2.0]]), np.array([0, 1])), DrawTable(np.array([[3.0]]), np.array([1]))]
    second = [DrawTable(np.array([[4.0]]), np.array([2])), DrawTable(np.array([[5.0]]), np.array([2]))]
    called = [[np.array(["x", "y"]), np.array(["y"])], [np.array(["x"]), np.array(["y"])]]
    found = slice_draws([first, second], called, "x")
    assert [(table.values.tolist(), table.units.tolist()) for table in found] == [([[1.0], [4.0]], [0, 2])]
    assert len(slice_draws([first, second], called, "y")) == 2


@pytest.mark.parametrize(("queries", "identities", "small"), [(29, 50, True), (30, 9, True), (30, 10, False)])
def test_small_slices(queries: int, identities: int, *, small: bool) -> None:
    assert is_small(queries, identities) is small


def test_numbers_at_the_edge_of_a_band_are_in_the_band_they_begin() -> None:
    values = np.array([at / 10 for at in range(10)], dtype=np.object_)
    names = slice_names(values)
    starts = [float(name[1:].split(",")[0]) for name in names]
    assert starts == [0.0, 0.0, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8]
