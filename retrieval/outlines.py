"""Outlines of objects: the corners of one polygon, or of several parts, as one list."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from retrieval.types import Corner, Polygon


def join_parts(parts: Sequence[Sequence[Corner]]) -> Polygon:
    """Return the corners of all parts of an outline as one list: each part ends where it began, then the next follows.

    A single part is returned as it is.

    Args:
        parts: corners (x, y) of each part; three or more.
    """
    if len(parts) == 1:
        return tuple(parts[0])
    return tuple(chain.from_iterable((*part, part[0]) if part[-1] != part[0] else part for part in parts))


def split_parts(corners: Iterable[Corner]) -> list[list[Corner]]:
    """Return the parts of an outline that :func:`join_parts` joined, or the one part that it is.

    A part ends where its first corner comes again; too few corners behind the last part belong to it.
    """
    parts: list[list[Corner]] = []
    part: list[Corner] = []
    for corner in corners:
        part.append(corner)
        if len(part) > 3 and corner == part[0]:
            parts.append(part)
            part = []
    if parts and len(part) < 3:
        parts[-1] += part
    elif part:
        parts.append(part)
    return parts


def to_corners(numbers: Sequence[float] | None) -> Polygon | None:
    """Return x, y, x, y, ..., as a store has them, as corners; None stays None."""
    return None if numbers is None else tuple(zip(numbers[::2], numbers[1::2], strict=True))
