"""Boxes of samples in pixels, as tables and COCO files write them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from pydantic import Field

from indexers.sources.table_source import RowError, TableSource
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.images import image_size
from retrieval.types import Box

if TYPE_CHECKING:
    from indexers.tables import TableRow

BOX, BOX_SIZE = "bbox", ("image_width", "image_height")
"""Columns of a box ``x, y, width, height``, and of the size of its image, which is read from the image otherwise."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FURTHER = rf"(?:\s*[,;]\s*|\s+)({_NUMBER})"
_BOX = re.compile(rf"[\[({{]?\s*({_NUMBER}){3 * _FURTHER}\s*[\])}}]?")


class BoxOptions(Config):
    """The option of sources whose samples may be boxes."""

    boxes: bool = Field(
        default=True, description="Whether a sample is the box of its row, cut out; otherwise the whole image."
    )


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Read ``[x, y, width, height]`` in pixels.

    Raises:
        ValueError: it is not four numbers; the message is the reason.
    """
    match = _BOX.fullmatch(text.strip())
    numbers = [] if match is None else list(map(float, match.groups()))
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"the box '{text[:60]}' is not four numbers x, y, width, height")
    x, y, width, height = numbers
    return x, y, width, height


def fraction_box(pixels: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """Convert a box in pixels to fractions of the image; what lies outside the image is cut off.

    Raises:
        ValueError: the box has no area, or lies outside the image; the message is the reason.
    """
    x, y, width, height = pixels
    if width <= 0 or height <= 0:
        raise ValueError(f"the box is {width:g} wide and {height:g} high")
    left, top = max(0.0, x) / size[0], max(0.0, y) / size[1]
    right, bottom = min(x + width, size[0]) / size[0], min(y + height, size[1]) / size[1]
    if left >= right or top >= bottom:
        raise ValueError(f"the box lies outside the image, which is {size[0]} wide and {size[1]} high")
    return Box(left, top, right - left, bottom - top)


class BoxSource(TableSource):
    """Rows of which some, or all, are a box of their image."""

    def __init__(self, *args: Any, boxes: bool) -> None:
        super().__init__(*args)
        self._boxes = boxes
        self._cut = 0  # samples that are boxes
        self._sizes: dict[str, tuple[int, int]] = {}  # uri -> size of the image, where no column has it
        columns = self._table.columns
        for name in (BOX, *BOX_SIZE):
            if name in columns:
                self._positions[name] = columns.index(name)

    def _box(self, row: TableRow, uri: str) -> Box | None:
        text = self._text(row, BOX) if self._boxes else None
        if text is None:
            return None
        try:
            pixels = parse_box(text)
            box = fraction_box(pixels, self._size(row, uri))
        except (ValueError, InputError) as error:
            raise RowError(str(error), "boxes that cannot be used") from None
        self._cut += 1
        return box

    def _size(self, row: TableRow, uri: str) -> tuple[int, int]:
        cells = [row.cells[self._positions[name]] for name in BOX_SIZE if name in self._positions]
        width, height = cells if len(cells) == 2 else (None, None)
        if isinstance(width, int | float) and isinstance(height, int | float) and width > 0 and height > 0:
            return int(width), int(height)
        if uri not in self._sizes:
            self._sizes[uri] = image_size(self.root / uri)
        return self._sizes[uri]

    def _add_notes(self, times: Any) -> None:
        super()._add_notes(times)
        if self._cut:
            self.notes.append(
                f"{self._cut:,} sample{'s are boxes' if self._cut > 1 else ' is a box'} cut out of the images; "
                "`boxes=false` takes whole images."
            )
        self._cut = 0

    def _count_unlisted(self, listed: set[str]) -> None:
        if self.path.is_dir():
            self._count_images_outside(listed)
