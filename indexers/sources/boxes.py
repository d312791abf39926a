"""Boxes of samples in pixels, as tables and COCO files write them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from indexers.sources.table_source import Region, RowError, TableSource
from indexers.tables import as_text
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.images import SIDEWAYS, ImageFrame, image_frame
from retrieval.outlines import cut_part
from retrieval.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.tables import Cell, TableRow
    from retrieval.types import Corner, Polygon

BOX, BOX_SIZE = "bbox", ("image_width", "image_height")
"""Columns of a box ``x, y, width, height``, and of the size of the image that it was drawn on, where a table has it."""

NO_BOX = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "[]"})
"""Texts (in lower case) of a cell without a box, as pandas and others write them."""

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


def fraction_box(pixels: tuple[float, float, float, float], size: tuple[float, float]) -> Box:
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
        raise ValueError(f"the box lies outside the image, which is {size[0]:g} wide and {size[1]:g} high")
    return Box(left, top, right - left, bottom - top)


def turn_box(
    pixels: tuple[float, float, float, float], size: tuple[float, float], orientation: int
) -> tuple[float, float, float, float]:
    """Turn a box with its image, from the stored pixels to those of the upright image.

    Args:
        pixels: the box in the stored image: left, top, width, height.
        size: width and height of the stored image.
        orientation: Exif orientation by which width and height change places (5 to 8).
    """
    x, y, width, height = pixels
    mirrored_x, mirrored_y = size[0] - x - width, size[1] - y - height
    left, top = {5: (y, x), 6: (mirrored_y, x), 7: (mirrored_y, mirrored_x), 8: (y, mirrored_x)}[orientation]
    return left, top, height, width


class DrawnImage(NamedTuple):
    """The image that a box was drawn on: its size, and the Exif orientation by which the box turns with it, or 1.

    ``is_undecided`` is whether the box may have been drawn before Exif turned or mirrored the image.
    """

    size: tuple[float, float]
    orientation: int = 1
    is_undecided: bool = False

    def box(self, pixels: tuple[float, float, float, float]) -> Box:
        """Return a box in pixels as fractions of the upright image.

        Raises:
            ValueError: as :func:`fraction_box`.
        """
        if self.orientation == 1:
            return fraction_box(pixels, self.size)
        return fraction_box(turn_box(pixels, self.size, self.orientation), self.size[::-1])

    def part(self, pixels: Sequence[Corner]) -> Polygon:
        """Return what of a part of an outline in pixels lies in the image, as fractions of the upright image.

        Corners that rounding to pixels moved outside are moved to the edge.
        """
        size = self.size if self.orientation == 1 else self.size[::-1]
        turned = [
            (x, y) if self.orientation == 1 else turn_box((x, y, 0, 0), self.size, self.orientation)[:2]
            for x, y in pixels
        ]
        return cut_part([(x / size[0], y / size[1]) for x, y in turned], (0.5 / size[0], 0.5 / size[1]))

    def is_left_by(self, pixels: tuple[float, float, float, float]) -> bool:
        """Return whether a box reaches beyond the image by more than rounding to pixels."""
        x, y, width, height = pixels
        return min(x, y) < -0.5 or x + width > self.size[0] + 0.5 or y + height > self.size[1] + 0.5


def has_shape(stated: tuple[float, float], size: tuple[int, int]) -> bool:
    """Return whether a stated size is that of an image at some scale, but for a pixel of rounding."""
    return abs(stated[0] * size[1] - stated[1] * size[0]) <= max(size)


class BoxSource(TableSource):
    """Rows of which some, or all, are a box of their image.

    Boxes are pixels of the upright image. Programs that ignore Exif draw them on the stored image and say its size,
    which tells the two apart where Exif turns an image on its side: such boxes are turned with it.
    """

    def __init__(self, *args: Any, boxes: bool) -> None:
        super().__init__(*args)
        self._boxes = boxes
        self._cut = 0  # samples that are boxes
        self._leaving = 0  # of them, those that reach beyond their image
        self._turned = 0  # of them, those drawn on the stored image
        self._undecided: list[str] = []  # uris of samples whose image is turned, and no size says when they were drawn
        self._frames: dict[str, ImageFrame | None] = {}  # uri -> size and orientation; None where it cannot be read
        self._one_of: dict[ImageFrame, ImageFrame] = {}  # nearly all images have one of a few frames, held once
        columns = self._table.columns
        for name in (BOX, *BOX_SIZE):
            if name in columns:
                self._positions[name] = columns.index(name)

    def _region(self, row: TableRow, uri: str) -> Region:
        text = self._text(row, BOX) if self._boxes else None
        if text is None or text.lower() in NO_BOX:
            return Region()
        try:
            pixels = parse_box(text)
            image = self._drawn_image(self._stated_size(row), uri)
            box = image.box(pixels)
        except (ValueError, InputError) as error:
            raise RowError(str(error), "boxes that cannot be used") from None
        self._cut += 1
        self._leaving += image.is_left_by(pixels)
        self._turned += image.orientation != 1
        if image.is_undecided:
            self._undecided.append(uri)
        return Region(box, self._polygon(row, image, box))

    def _polygon(self, row: TableRow, image: DrawnImage, box: Box) -> Polygon | None:  # noqa: ARG002
        """Return the outline of the object in a box; None where a source has none."""
        return None

    def _drawn_image(self, stated: tuple[float, float] | None, uri: str) -> DrawnImage:
        """Return the image that a box was drawn on, whose size is the stated one, or that of the upright image.

        Raises:
            ValueError: the image has another shape than stated.
            InputError: no size is stated, and the image cannot be read.
        """
        frame = self._frame(uri, needed=stated is None)
        if frame is None:
            return DrawnImage(stated or (0, 0))  # decoding the image tells what is wrong with it
        size, orientation = stated or frame.size, frame.orientation
        fits = has_shape(size, frame.size)
        fits_stored = orientation in SIDEWAYS and has_shape(size, frame.size[::-1])
        if not fits and not fits_stored:
            raise ValueError(
                f"the box is of an image {size[0]:g} wide and {size[1]:g} high, and this one is {frame.size[0]} wide "
                f"and {frame.size[1]} high, which is another shape"
            )
        if not fits:
            return DrawnImage(size, orientation)
        undecided = orientation != 1 and (stated is None or fits_stored or orientation not in SIDEWAYS)
        return DrawnImage(size, is_undecided=undecided)

    def _stated_size(self, row: TableRow) -> tuple[float, float] | None:
        """Return the size that a row says its image has; None where it says none."""
        cells = [row.cells[self._positions[name]] for name in BOX_SIZE if name in self._positions]
        width, height = map(_length, cells) if len(cells) == 2 else (None, None)
        return None if width is None or height is None else (width, height)

    def _frame(self, uri: str, *, needed: bool) -> ImageFrame | None:
        """Return size and orientation of an image, read once; None if it cannot be read.

        Raises:
            InputError: it is needed and cannot be read.
        """
        if self._frames.get(uri) is None and (needed or uri not in self._frames):
            try:
                read = image_frame(self.root / uri)
            except InputError:
                self._frames[uri] = None
                if needed:
                    raise
            else:
                self._frames[uri] = self._one_of.setdefault(read, read)
        return self._frames[uri]

    def _add_notes(self, times: Any) -> None:
        super()._add_notes(times)
        if self._cut:
            self.notes.append(
                f"{self._cut:,} sample{'s are boxes' if self._cut > 1 else ' is a box'} cut out of the images; "
                "`boxes=false` takes whole images."
            )
        if self._leaving:
            self.notes.append(f"{self._leaving:,} objects reach beyond their image; what lies outside is cut off.")
        if self._turned:
            self.notes.append(
                f"{self._turned:,} box{'es were' if self._turned > 1 else ' was'} drawn on images as they are stored, "
                "as the size beside them says, and turned with the images by their Exif orientation."
            )
        if n := len(self._undecided):
            self.notes.append(
                f"{n:,} box{'es are' if n > 1 else ' is'} of images that Exif turns or mirrors (first "
                f"{self._undecided[0]}), and no size says whether they were drawn before: they are taken as pixels of "
                "the upright image. If they were not, remove the Exif orientation from the files."
            )
        self._cut = self._leaving = self._turned = 0
        self._undecided.clear()

    def _count_unlisted(self, listed: set[str]) -> None:
        if self.path.is_dir():
            self._count_images_outside(listed)


def _length(cell: Cell) -> float | None:
    """Return a cell as a number of pixels; None if it is none."""
    try:
        number = float(as_text(cell) or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
