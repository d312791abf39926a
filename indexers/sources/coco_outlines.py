"""Outlines of objects as COCO writes them in ``segmentation``: polygons of pixels, or a mask."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

from retrieval.outlines import join_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.sources.boxes import DrawnImage
    from retrieval.types import Box, Corner, Polygon

SEGMENTATION = "segmentation"
"""Key of an annotation's outline; it is no column, as its parts have any number of corners."""

MASK = "mask"
"""What :func:`compact` makes of a mask in run-length encoding (RLE), which is not read."""


def compact(value: Any) -> Any:
    """Return a segmentation with its numbers as arrays, an eighth of what lists take; what is malformed stays as it is.

    A mask becomes :data:`MASK`.
    """
    if isinstance(value, dict):
        return MASK
    if not isinstance(value, list):
        return value
    parts = [value] if value and not isinstance(value[0], list) else value
    try:
        return [array("d", part) for part in parts]
    except (TypeError, OverflowError):
        return value


def read_parts(value: Any) -> list[list[Corner]]:
    """Return the corners (x, y) in pixels of each part of a segmentation; without an outline, none.

    Args:
        value: what :func:`compact` made of it, or None.

    Raises:
        ValueError: it is no list of polygons; the message is the reason.
    """
    if value is None or value == MASK:
        return []
    if not isinstance(value, list) or not all(isinstance(part, array) for part in value):
        raise ValueError("its segmentation is no list of polygons of numbers")
    parts = [part for part in value if part]
    for part in parts:
        if len(part) < 6 or len(part) % 2:
            raise ValueError(f"{len(part)} numbers in its segmentation are no corners x, y of three points or more")
        if not all(map(math.isfinite, part)):
            raise ValueError("a number in its segmentation is not finite")
    return [list(zip(part[::2], part[1::2], strict=True)) for part in parts]


def surrounding_box(parts: Sequence[Sequence[Corner]]) -> list[float]:
    """Return the box x, y, width, height around all parts."""
    xs, ys = ([corner[axis] for part in parts for corner in part] for axis in (0, 1))
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def drawn_outline(value: Any, image: DrawnImage, box: Box) -> Polygon | None:
    """Return the outline of a box as fractions of the upright image; None where the annotation has none.

    Args:
        value: its segmentation, as of :func:`compact`.
        image: the image that it was drawn on.
        box: the box, in fractions of the upright image.

    Raises:
        ValueError: it is no list of polygons, or nothing of it lies in the box; the message is the reason.
    """
    parts = read_parts(value)
    if not parts:
        return None
    inside = [part for part in map(image.part, parts) if part and _overlaps(part, box)]
    if not inside:
        raise ValueError("its segmentation has no area in its box")
    return join_parts(inside)


def _overlaps(part: Polygon, box: Box) -> bool:
    """Return whether the extents of a part and a box have an area in common."""
    left, top, width, height = surrounding_box([part])
    right, bottom = min(left + width, box.x + box.width), min(top + height, box.y + box.height)
    return right > max(left, box.x) and bottom > max(top, box.y)
