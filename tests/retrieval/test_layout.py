"""Positions and relations on layouts worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.layout import NearestBox, box_inside, centred_edges, nearest, position, relation
from retrieval.types import Box


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (Box(0, 0, 0.1, 0.1), "top left"),
        (Box(0.45, 0.45, 0.1, 0.1), "middle centre"),
        (Box(0.9, 0.9, 0.1, 0.1), "bottom right"),
        (Box(0.9, 0.4, 0.1, 0.1), "middle right"),
        (Box(0.2, 0.56, 0.3, 0.3), "bottom centre"),
        (Box(1, 1, 0, 0), "bottom right"),
    ],
)
def test_ninths_of_the_image(box: Box, words: str) -> None:
    assert position(box) == words


SQUARE = Box(0.4, 0.4, 0.2, 0.2)
DRAIN = Box(0.1, 0.5, 0.8, 0.1)  # its axis is horizontal, from .1 to .9


@pytest.mark.parametrize(
    ("box", "other", "words"),
    [
        (Box(0.4, 0.1, 0.2, 0.1), SQUARE, "above"),
        (Box(0.4, 0.8, 0.2, 0.1), SQUARE, "below"),
        (Box(0.0, 0.4, 0.1, 0.2), SQUARE, "left of"),
        (Box(0.8, 0.4, 0.1, 0.2), SQUARE, "right of"),
        (Box(0.85, 0.5, 0.1, 0.1), DRAIN, "at the end of"),  # centre .9, the end itself
        (Box(0.06, 0.55, 0.1, 0.1), DRAIN, "at the end of"),  # centre .11, within .12 of the end at .1
        (Box(0.2, 0.5, 0.1, 0.1), DRAIN, "left of"),  # centre .25, farther than .12 from the end
        (Box(0.85, 0.7, 0.1, 0.1), DRAIN, "right of"),  # beside the axis by more than half of both breadths
        (Box(0.4, 0.65, 0.2, 0.1), DRAIN, "below"),
        (Box(0.5, 0.05, 0.1, 0.1), Box(0.5, 0.1, 0.1, 0.8), "at the end of"),  # a vertical axis
    ],
)
def test_relations(box: Box, other: Box, words: str) -> None:
    assert relation(box, other) == words


def test_the_nearest_box_is_the_neighbour() -> None:
    boxes = [SQUARE, Box(0.4, 0.7, 0.2, 0.1), Box(0.4, 0.2, 0.2, 0.1)]
    assert nearest(boxes, 0) == NearestBox(1, "above")  # both are .25 away
    assert nearest(boxes, 1) == NearestBox(0, "below")
    assert nearest(boxes[:1], 0) is None


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4).map(lambda four: Box(*four)), min_size=2, max_size=6), st.data())
def test_the_neighbour_is_another_box(boxes: list[Box], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(boxes) - 1))
    neighbour = nearest(boxes, index)
    assert neighbour is not None
    assert neighbour.row != index
    assert neighbour.relation == relation(boxes[index], boxes[neighbour.row])


def test_a_box_is_cut_off_at_the_edges_of_the_image() -> None:
    assert box_inside(centred_edges(0.5, 0.25, 0.5, 0.25)) == Box(0.25, 0.125, 0.5, 0.25)
    assert box_inside(centred_edges(0, 1, 0.5, 0.5)) == Box(0, 0.75, 0.25, 0.25)
    assert box_inside(centred_edges(1.5, 0.5, 0.5, 0.5)) is None
    assert box_inside(centred_edges(0.5, 0.5, 0, 0.5)) is None
