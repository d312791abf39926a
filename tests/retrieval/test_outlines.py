"""Parts of an outline as one list of corners, and back."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from retrieval.outlines import join_parts, split_parts, to_corners

A, B, C, D, E, F = (0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.6, 0.6), (0.9, 0.6), (0.9, 0.9)


def test_one_part_is_left_as_it_is() -> None:
    assert join_parts([[A, B, C]]) == (A, B, C)
    assert split_parts((A, B, C)) == [[A, B, C]]
    assert split_parts((A, B, C, A)) == [[A, B, C, A]]
    assert split_parts((A, A, B, C)) == [[A, A, B, C]]


def test_each_part_ends_where_it_began() -> None:
    assert join_parts([[A, B, C], [D, E, F, D]]) == (A, B, C, A, D, E, F, D)
    assert split_parts((A, B, C, A, D, E, F, D)) == [[A, B, C, A], [D, E, F, D]]


def test_corners_behind_a_part_that_are_too_few_belong_to_it() -> None:
    assert split_parts((A, B, C, A, D)) == [[A, B, C, A, D]]


corners = st.tuples(st.integers(0, 9), st.integers(0, 9))


@given(st.lists(st.lists(corners, min_size=3, max_size=6, unique=True), min_size=1, max_size=4))
def test_parts_come_back(parts: list[list[tuple[float, float]]]) -> None:
    closed = parts if len(parts) == 1 else [[*part, part[0]] for part in parts]
    assert split_parts(join_parts(parts)) == closed


def test_numbers_of_a_store_are_corners() -> None:
    assert to_corners(None) is None
    assert to_corners([0.0, 0.5, 1.0, 0.25]) == ((0.0, 0.5), (1.0, 0.25))
