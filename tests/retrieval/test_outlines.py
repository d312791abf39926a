"""Parts of an outline as one list of corners, and back."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image, ImageDraw

from retrieval.outlines import cut_part, join_parts, split_parts, to_corners

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


SIZE, MARGIN = (200, 150), 400
BOW = [(100, 75), (20, 10), (20, 140), (100, 75), (180, 140), (190, 75), (180, 10)]
SQUARE = [(5, 5), (15, 5), (15, 15), (5, 15)]


def mask(parts: list[list[tuple[float, float]]]) -> np.ndarray:
    """Draw each part, in pixels, on a canvas that is larger than the image, and cut the image out."""
    canvas = Image.new("1", (SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN))
    for part in parts:
        ImageDraw.Draw(canvas).polygon([(x + MARGIN, y + MARGIN) for x, y in part], fill=1, outline=1)
    return np.asarray(canvas)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def stored(parts: list[list[tuple[float, float]]]) -> list[list[tuple[float, float]]]:
    """Return parts, in pixels, as they come back from a store."""
    fractions = [cut_part([(x / SIZE[0], y / SIZE[1]) for x, y in part]) for part in parts]
    joined = join_parts([part for part in fractions if part])
    # Drawing cuts off decimals, and 0.35 * 200 is a little less than 70.
    return [[(x * SIZE[0] + 1e-9, y * SIZE[1] + 1e-9) for x, y in part] for part in split_parts(joined)]


@pytest.mark.parametrize(
    "parts",
    [
        [BOW],
        [BOW[3:] + BOW[:3]],
        [BOW, SQUARE],
        [SQUARE, BOW, [(30, 1), (60, 1), (60, 4)]],
        [BOW[:3] * 2],
        [[*BOW, BOW[0]]],
        [[(20, 10), (90, 100), (20, 10)], SQUARE],
        [[BOW[2], *BOW[:2]] * 2, SQUARE],
    ],
)
def test_a_part_may_come_back_to_its_first_corner(parts: list[list[tuple[float, float]]]) -> None:
    assert len(stored(parts)) == len(parts)
    assert (mask(stored(parts)) == mask(parts)).all()


@pytest.mark.parametrize(
    ("corners", "pixels"),
    [
        ([(100, -200), (300, 100), (-100, 100)], 20_200),
        ([(-50, -50), (250, -50), (250, 200), (-50, 200)], 30_000),
        ([(-10, 50), (50, -10), (110, 260)], None),
        ([(-300, 75), (100, -300), (500, 75), (100, 500)], 30_000),
    ],
)
def test_what_lies_in_the_image_is_kept(corners: list[tuple[float, float]], pixels: int | None) -> None:
    expected = mask([corners])
    assert pixels is None or expected.sum() == pytest.approx(pixels, abs=200)
    assert (mask(stored([corners])) != expected).sum() < 150  # drawing rounds corners, and so moves edges by a pixel


points = st.tuples(st.integers(-300, 500), st.integers(-300, 450))


@settings(max_examples=40)
@given(st.lists(points, min_size=3, max_size=7))
def test_cut_parts_are_the_whole_ones_inside(corners: list[tuple[float, float]]) -> None:
    cut = stored([corners]) if cut_part([(x / SIZE[0], y / SIZE[1]) for x, y in corners]) else []
    different = mask(cut) != mask([corners])
    # An edge may move by a pixel, and pieces are joined along the edge of the image.
    assert different[1:-1, 1:-1].sum() <= len(corners) * max(SIZE)


def test_rounding_moves_corners_to_the_edge() -> None:
    assert cut_part([(-0.001, 0.5), (1.001, 0.2), (0.5, 1)], (0.002, 0.002)) == ((0, 0.5), (1, 0.2), (0.5, 1))
    assert cut_part([(-1.0, 0.25), (1.0, 0.25), (1.0, 0.75)]) == ((0, 0.5), (0, 0.25), (1.0, 0.25), (1.0, 0.75))
    assert cut_part([(2.0, 0.25), (3.0, 0.25), (2.0, 0.75)]) == ()


def test_numbers_of_a_store_are_corners() -> None:
    assert to_corners(None) is None
    assert to_corners([0.0, 0.5, 1.0, 0.25]) == ((0.0, 0.5), (1.0, 0.25))
