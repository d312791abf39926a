"""Label files of YOLO: a line per object, with the number of its class and a box or a polygon in fractions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from retrieval.layout import FARTHEST, SMALLEST, box_inside, centred_edges
from retrieval.outlines import cut_part, join_parts, split_parts

if TYPE_CHECKING:
    from retrieval.layout import Edges
    from retrieval.types import Box, Polygon


class Outline(NamedTuple):
    """A labelled object: number of its class, its box, and its polygon if the line has one.

    ``is_cut`` is whether a part of it lies outside the image and was cut off.
    """

    class_number: int
    box: Box
    polygon: Polygon | None
    is_cut: bool


def parse_line(line: str) -> Outline:
    """Read a line: five numbers are ``class cx cy width height``, more are ``class x y x y ...``, corners of a polygon.

    What lies outside the image is cut off.

    Raises:
        ValueError: the line is neither, or nothing of the object lies in the image; the message is the reason.
    """
    words = line.split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        word = next(word for word in words if not _is_number(word))
        raise ValueError(f"'{word[:30]}' is not a number") from None
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number is not finite")
    if numbers and (numbers[0] < 0 or not numbers[0].is_integer()):
        raise ValueError(f"'{words[0]}' is not the number of a class")
    if len(numbers) == 6:
        raise ValueError("six numbers are a box with a confidence, as detectors write it, and no label")
    if len(numbers) != 5 and (len(numbers) < 7 or not len(numbers) % 2):
        raise ValueError(f"{len(numbers)} numbers are neither a box (5) nor a polygon (7, 9, 11, ...)")
    if max(map(abs, numbers[1:])) > FARTHEST:
        raise ValueError("its numbers are not fractions of the image's width and height; divide pixels by them")
    number, coordinates = int(numbers[0]), numbers[1:]
    return _box(number, coordinates) if len(numbers) == 5 else _polygon(number, coordinates)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _box(number: int, coordinates: list[float]) -> Outline:
    x, y, width, height = coordinates
    if width <= 0 or height <= 0:
        raise ValueError(f"the box is {width:g} wide and {height:g} high")
    edges = centred_edges(x, y, width, height)
    return Outline(number, _inside(edges), None, _leaves(edges))


def _polygon(number: int, coordinates: list[float]) -> Outline:
    xs, ys = coordinates[::2], coordinates[1::2]
    edges = (min(xs), min(ys), max(xs), max(ys))
    box = _inside(edges)
    parts = split_parts(zip(xs, ys, strict=True))  # as others write several parts in one line
    inside = [cut for part in parts if (cut := cut_part(part, (SMALLEST, SMALLEST)))]
    if not inside:
        raise ValueError("the object lies outside the image")
    return Outline(number, box, join_parts(inside), _leaves(edges))


def _inside(edges: Edges) -> Box:
    box = box_inside(edges)
    if box is None:
        raise ValueError("the object lies outside the image" if _leaves(edges) else "the polygon has no area")
    return box


def _leaves(edges: Edges) -> bool:
    """Return whether edges lie outside the image by more than rounding."""
    return min(edges) < -SMALLEST or max(edges) > 1 + SMALLEST
