"""Lines of label files: a box of five numbers, a polygon of more, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.sources.yolo_labels import parse_line
from retrieval.types import Box


def test_five_numbers_are_a_box() -> None:
    outline = parse_line("2 0.5 0.25 0.5 0.25\n")
    assert outline == (2, Box(0.25, 0.125, 0.5, 0.25), None, False)


def test_more_numbers_are_a_polygon_and_its_box() -> None:
    outline = parse_line("1 0.25 0.5 0.75 0.5 0.5 1.0")
    assert outline.box == Box(0.25, 0.5, 0.5, 0.5)
    assert outline.polygon == ((0.25, 0.5), (0.75, 0.5), (0.5, 1.0))


def test_a_class_may_be_written_as_a_float() -> None:
    assert parse_line("3.0 .5 .5 1 1").class_number == 3


def test_what_lies_outside_is_cut_off() -> None:
    assert parse_line("0 0.9 0.5 0.4 0.5") == (0, Box(0.7, 0.25, 1 - 0.7, 0.5), None, True)
    cut = parse_line("0 -0.5 0.5 0.5 0.25 0.5 0.75")
    assert cut.is_cut
    assert cut.box == Box(0, 0.25, 0.5, 0.5)
    assert cut.polygon == ((0, 0.625), (0, 0.375), (0.5, 0.25), (0.5, 0.75))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5", "neither a box"),
        ("0", "neither a box"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "neither a box"),
        ("0 .5 .5 .1 .1 .9", "confidence"),
        ("cat .5 .5 .1 .1", "'cat' is not a number"),
        ("0 .5 .5 nan .1", "not finite"),
        ("0,.5,.5,.1,.1", "is not a number"),
        ("-1 .5 .5 .1 .1", "not the number of a class"),
        ("1.5 .5 .5 .1 .1", "not the number of a class"),
        ("0 .5 .5 0 .1", "0 wide"),
        ("0 .5 .5 .1 -.1", "-0.1 high"),
        ("0 1.5 .5 .1 .1", "outside the image"),
        ("0 320 240 64 64", "not fractions"),
        ("0 .2 .2 .2 .4 .2 .6", "no area"),
        ("0 -.2 .1 .1 -.2 -.4 -.4", "outside the image"),
    ],
)
def test_what_is_neither_is_told(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_line(line)


@given(st.lists(st.floats(-0.5, 1.5), min_size=6, max_size=20).filter(lambda xs: not len(xs) % 2))
def test_boxes_of_polygons_lie_in_the_image(numbers: list[float]) -> None:
    try:
        outline = parse_line(" ".join(map(repr, [0, *numbers])))
    except ValueError:
        return
    x, y, width, height = outline.box
    assert x >= 0
    assert y >= 0
    assert x + width <= 1 + 1e-12
    assert y + height <= 1 + 1e-12
    assert all(0 <= value <= 1 for corner in outline.polygon or () for value in corner)
