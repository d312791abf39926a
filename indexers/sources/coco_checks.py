"""What tells that a file of COCO means other numbers than COCO does, or is not of one piece."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from indexers.sources.boxes import BOX, parse_box
from indexers.sources.coco_outlines import SEGMENTATION
from retrieval.errors import InputError
from retrieval.layout import FARTHEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from retrieval.layout import Edges

APART, ALIKE = 0.5, 0.8
"""Intersection over union of a box and that around its outline, below which they differ, and from which they agree."""


def by_id(path: Path, what: str, name: str, entries: Iterable[Mapping[str, Any]]) -> dict[Any, Any]:
    """Return the entries of a list by id; one that is listed again as it was counts once.

    Args:
        path: the file, for the message.
        what: what an entry is, for the message: ``images``.
        name: key of the name of an entry.
        entries: images or categories; with ``id`` and name.

    Raises:
        InputError: two entries have one id.
    """
    listed: dict[Any, Mapping[str, Any]] = {}
    for entry in entries:
        first = listed.setdefault(entry["id"], entry)
        if first != entry:
            raise InputError(
                f"{path}: two {what} have the id {entry['id']!r}, '{first[name]}' and '{entry[name]}', so annotations "
                "do not say which of them they are of; give each its own id."
            )
    return listed


def check_pixels(path: Path, annotations: Iterable[Any]) -> None:
    """Check that not all boxes of a file are fractions of the image.

    Raises:
        InputError: they are.
    """
    first = None
    for box in _boxes(annotations):
        if max(box[2:]) > 1 or max(map(abs, box)) > FARTHEST:
            return
        first = first or box
    if first is not None:
        numbers = ", ".join(f"{number:g}" for number in first)
        raise InputError(
            f"{path}: no box is more than 1 wide or high (first {numbers}), "
            "but COCO's numbers are pixels; multiply fractions by the width and the height of the image."
        )


def corners_note(path: Path, name: str, annotations: Sequence[Any]) -> str | None:
    """Return a note on boxes that fit their outline as x1, y1, x2, y2 and not as x, y, width, height; None without any.

    Args:
        path: the file, for the error.
        name: the file, for the note.
        annotations: with outlines as of :func:`~indexers.sources.coco_outlines.compact`.

    Raises:
        InputError: most boxes that have an outline are such.
    """
    compared = corners = apart = first = 0
    for number, entry in enumerate(annotations, 1):
        outline = _extent(entry)
        if outline is None:
            continue
        for x, y, width, height in _boxes([entry]):
            compared += 1
            as_size = _overlap((x, y, x + width, y + height), outline)
            as_corner = _overlap((x, y, width, height), outline)
            if as_corner >= ALIKE and as_corner > as_size:
                corners += 1
                apart += as_size < APART
                first = first or (number if as_size < APART else 0)
    if not apart:
        return None
    if 2 * corners > compared:
        raise InputError(
            f"{path}: {corners:,} of {compared:,} boxes with an outline fit it as x1, y1, x2, y2 (first annotation "
            f"{first}); COCO's boxes are x, y, width, height, so subtract x1 and y1 from the other two."
        )
    fit, are = ("es fit their", "they are") if apart > 1 else (" fits its", "it is")
    return (
        f"{name}: {apart:,} box{fit} outline as x1, y1, x2, y2 only (first annotation {first}); COCO's boxes are x, y, "
        f"width, height, and so {are} taken; correct the file."
    )


def _boxes(annotations: Iterable[Any]) -> Iterator[tuple[float, float, float, float]]:
    for entry in annotations:
        box = entry.get(BOX) if isinstance(entry, dict) else None
        try:
            if box:
                yield parse_box(" ".join(map(str, box)) if isinstance(box, list) else str(box))
        except ValueError:
            continue  # told where its row is read


def _extent(entry: Any) -> Edges | None:
    """Return the edges of the box around an outline in pixels; None if an annotation has none of polygons."""
    parts = entry.get(SEGMENTATION) if isinstance(entry, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, array) and len(part) > 5 for part in parts) or not parts:
        return None
    xs, ys = [part[::2] for part in parts], [part[1::2] for part in parts]
    return min(map(min, xs)), min(map(min, ys)), max(map(max, xs)), max(map(max, ys))


def _overlap(one: Edges, other: Edges) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    areas = ((edges[2] - edges[0]) * (edges[3] - edges[1]) for edges in (one, other))
    return common / (sum(areas) - common)
