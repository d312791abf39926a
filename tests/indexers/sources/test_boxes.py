"""Boxes in pixels, as tables and COCO files write them."""

from __future__ import annotations

import pytest

from indexers.sources.boxes import fraction_box, parse_box
from retrieval.types import Box


@pytest.mark.parametrize(
    "text", ["[1, 2.5, 3e1, .5]", "1 2.5 30 0.5", "1,2.5,30.0,0.5", "(1;2.5;30;0.5)", "{1, 2.5 30 .5}"]
)
def test_ways_to_write_a_box(text: str) -> None:
    assert parse_box(text) == (1, 2.5, 30, 0.5)


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4 5", "x 1 2 3 4", "[1, 2, nan, 4]", "1 2 3 1e999", "1-2-3-4", ""])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not four numbers x, y, width, height"):
        parse_box(text)


def test_a_box_is_a_part_of_the_image() -> None:
    assert fraction_box((10, 0, 10, 5), (40, 20)) == Box(0.25, 0, 0.25, 0.25)
    assert fraction_box((-10, 15, 30, 50), (40, 20)) == Box(0, 0.75, 0.5, 0.25)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        ((0, 0, 0, 5), "the box is 0 wide and 5 high"),
        ((0, 0, 5, -2), "the box is 5 wide and -2 high"),
        ((40, 0, 5, 5), "lies outside the image, which is 40 wide and 20 high"),
        ((-9, 0, 5, 5), "lies outside"),
    ],
)
def test_a_box_without_a_pixel(pixels: tuple[float, float, float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fraction_box(pixels, (40, 20))
