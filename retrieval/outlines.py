"""Outlines of objects: the corners of one polygon, or of several parts, as one list."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from retrieval.types import Corner, Polygon


def join_parts(parts: Sequence[Sequence[Corner]]) -> Polygon:
    """Return the corners of all parts of an outline as one list: each part ends where it began, then the next follows.

    A single part is returned as it is. A part that comes back to its first corner before its end, so that
    :func:`split_parts` would end it there, begins at another of its corners, or in the middle of an edge.

    Args:
        parts: corners (x, y) of each part; three or more.
    """
    if len(parts) == 1:
        part = parts[0] if len(split_parts(parts[0])) == 1 else _turned(parts[0])
        return tuple(part)
    return tuple(chain.from_iterable(map(_closed, parts)))


def split_parts(corners: Iterable[Corner]) -> list[list[Corner]]:
    """Return the parts of an outline that :func:`join_parts` joined, or the one part that it is.

    A part ends where its first corner comes again. Corners that do not all belong to parts that end are one part.
    """
    parts: list[list[Corner]] = []
    part: list[Corner] = []
    for corner in corners:
        part.append(corner)
        if len(part) > 3 and corner == part[0]:
            parts.append(part)
            part = []
    return [[*chain.from_iterable(parts), *part]] if part else parts


def _closed(part: Sequence[Corner]) -> list[Corner]:
    """Return a part that ends where it began, with four corners or more, and is there nowhere else from the fourth."""
    corners = list(part)
    if part[0] in part[3:-1]:
        corners = _turned(part)
    if corners[-1] != corners[0]:
        corners.append(corners[0])
    return corners if len(corners) > 3 else [*corners, corners[0]]


def _turned(part: Sequence[Corner]) -> list[Corner]:
    """Return a part from a corner on that it passes once; from the middle of an edge if it passes all of them again."""
    corners = list(part[:-1] if part[-1] == part[0] else part)
    times = Counter(corners)
    at = next((at for at, corner in enumerate(corners) if times[corner] == 1), None)
    if at is not None:
        return corners[at:] + corners[:at]
    middles = (((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in pairwise((corners[-1], *corners)))
    at, middle = next(((at, middle) for at, middle in enumerate(middles) if middle not in times), (0, corners[0]))
    return [middle, *corners[at:], *corners[:at]]


def cut_part(corners: Sequence[Corner], slack: Corner = (0.0, 0.0)) -> Polygon:
    """Return what of one part of an outline lies in the image, in fractions of it; no corners if nothing does.

    Clipped at one edge of the image after the other (Sutherland and Hodgman, Communications of the ACM 1974). Pieces
    that the cut separates stay joined along the edge of the image.

    Args:
        corners: corners (x, y) of the part.
        slack: how far, in x and in y, corners may lie outside by rounding; if none is farther out, they are moved to
            the edge, and nothing is cut.
    """
    cut = list(corners)
    if any(not -slack[axis] <= corner[axis] <= 1 + slack[axis] for corner in corners for axis in (0, 1)):
        for axis in (0, 1):
            for limit, sign in ((0.0, -1), (1.0, 1)):
                cut = _cut_at_edge(cut, axis, limit, sign)
    return tuple((min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) for x, y in cut)


def _cut_at_edge(corners: Sequence[Corner], axis: int, limit: float, sign: int) -> list[Corner]:
    """Return what of a part lies below a limit of an axis (``sign`` 1), or above it (-1)."""
    kept: list[Corner] = []
    for before, corner in pairwise((*corners[-1:], *corners)):
        excess, excess_before = sign * (corner[axis] - limit), sign * (before[axis] - limit)
        if min(excess, excess_before) < 0 < max(excess, excess_before):
            share = excess_before / (excess_before - excess)
            other = before[1 - axis] + share * (corner[1 - axis] - before[1 - axis])
            kept.append((limit, other) if axis == 0 else (other, limit))
        if excess <= 0:
            kept.append(corner)
    return kept


def to_corners(numbers: Sequence[float] | None) -> Polygon | None:
    """Return x, y, x, y, ..., as a store has them, as corners; None stays None."""
    return None if numbers is None else tuple(zip(numbers[::2], numbers[1::2], strict=True))
