"""Where boxes lie in an image, and how they lie to each other, in words. Nothing is known of their condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from retrieval.types import Box

Relation: TypeAlias = Literal["above", "below", "left of", "right of", "at the end of"]

ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")

END = 0.15
"""Share of the long axis of a box within which another box is at its end."""


SMALLEST = 1e-6
"""Sides of a box, in fractions of the image, below which it has no area."""

FARTHEST = 2.0
"""Numbers of a box larger than this are no fractions of an image, but pixels."""

Edges: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of a box."""


def centred_edges(x: float, y: float, width: float, height: float) -> Edges:
    """Return the edges of a box with this centre and size."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def box_inside(edges: Edges) -> Box | None:
    """Return the box with these edges, in fractions, cut off at those of the image; None if nothing of it is left."""
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return None
    return Box(left, top, right - left, bottom - top)


class NearestBox(NamedTuple):
    """Another box of the image: its row, and how the box lies to it: ``above`` it, ``at the end of`` it, ..."""

    row: int
    relation: Relation


def centre(box: Box) -> tuple[float, float]:
    """Return the centre (x, y) of a box."""
    return box.x + box.width / 2, box.y + box.height / 2


def position(box: Box) -> str:
    """Say in which ninth of the image the centre of a box lies: ``top left``, ``middle centre``, ..."""
    x, y = centre(box)
    row, column = (min(2, max(0, int(3 * value))) for value in (y, x))
    return f"{ROWS[row]} {COLUMNS[column]}"


def relation(box: Box, other: Box) -> Relation:
    """Say how a box lies to another one of the same image.

    It is ``at the end of`` the other if its centre is within :data:`END` of the length of the other's long axis from
    one of its ends, and beside the axis by no more than half the breadths of both. Otherwise the larger difference of
    the centres, in fractions of the image, decides: vertical at equal differences.
    """
    if _at_end(box, other):
        return "at the end of"
    (x, y), (other_x, other_y) = centre(box), centre(other)
    if abs(y - other_y) >= abs(x - other_x):
        return "above" if y < other_y else "below"
    return "left of" if x < other_x else "right of"


def _at_end(box: Box, other: Box) -> bool:
    (x, y), (other_x, other_y) = centre(box), centre(other)
    along, across, length, breadths = x - other_x, y - other_y, other.width, box.height + other.height
    if other.height > other.width:
        along, across, length, breadths = across, along, other.height, box.width + other.width
    return abs(abs(along) - length / 2) <= END * length and abs(across) <= breadths / 2


def nearest(boxes: Sequence[Box], index: int) -> NearestBox | None:
    """Return the box whose centre is nearest to that of another, the first of equally near ones; None if alone."""
    x, y = centre(boxes[index])

    def distance(at: int) -> float:
        other_x, other_y = centre(boxes[at])
        return (other_x - x) ** 2 + (other_y - y) ** 2

    others = [at for at in range(len(boxes)) if at != index]
    if not others:
        return None
    best = min(others, key=distance)
    return NearestBox(best, relation(boxes[index], boxes[best]))
