"""Draw contact sheets: a query and a grid of thumbnails as a PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.errors import InputError
from retrieval.escapes import printable
from retrieval.files import check_picture, write_atomically
from retrieval.image_formats import THUMBNAIL_FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PER_ROW = 10
PICTURE = 148
"""Side of the square that a thumbnail is fitted into, in pixels."""
_FRAME, _GAP, _MARGIN = 4, 14, 24
_TEXT, _TITLE = 13, 20
_LINE = _TEXT + 5
_CELL = PICTURE + 2 * _FRAME
_PAPER, _INK, _SOFT, _RULE, _EMPTY = "#ffffff", "#1d2329", "#68717a", "#d5dadf", "#eceff1"


@dataclass(frozen=True, slots=True)
class Tile:
    """One thumbnail of a sheet.

    ``image`` is an encoded image (WebP, or any format that Pillow opens), or None if the store has no thumbnail.
    ``caption`` are lines below it. ``frame`` is a Pillow colour such as ``"seagreen"``, or None.
    """

    image: bytes | None
    caption: tuple[str, ...] = ()
    frame: str | None = None


def contact_sheet(query: Tile | None, tiles: Sequence[Tile], out: Path, title: str) -> None:
    """Write a PNG with a title and a grid of tiles, ``PER_ROW`` per row, beside a query.

    Args:
        query: the tile at the left of the grid, or None.
        tiles: tiles of the grid, row by row; captions are cut to the width of a tile.
        out: the PNG, written atomically.
        title: one line above the grid.

    Raises:
        InputError: there is nothing to draw, a frame is not a colour, or ``out`` is not named as a PNG or cannot be
            written.
    """
    check_picture(out)
    if query is None and not tiles:
        raise InputError("There is nothing to draw on the contact sheet.")
    page = _draw(query, tiles, title)
    data = io.BytesIO()
    page.save(data, format="PNG", optimize=True)
    write_atomically(out, data.getvalue(), "choose another place for the contact sheet")


def _draw(query: Tile | None, tiles: Sequence[Tile], title: str) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    columns = min(max(len(tiles), 1), PER_ROW)
    all_tiles = [*tiles, *([query] if query else [])]
    row_height = _CELL + 8 + _LINE * max(len(tile.caption) for tile in all_tiles) + _GAP
    left = _MARGIN + (_CELL + 2 * _GAP + 1 if query else 0)
    top = _MARGIN + _TITLE + 20
    grid_width = columns * (_CELL + _GAP) - _GAP if tiles else -2 * _GAP
    width = max(left + grid_width + _MARGIN, 2 * _MARGIN + _CELL)
    height = top + row_height * max(1, -(-len(tiles) // columns)) - _GAP + _MARGIN
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    heading = ImageFont.load_default(_TITLE)
    draw.text((_MARGIN, _MARGIN - 4), _elided(title, heading, width - 2 * _MARGIN), fill=_INK, font=heading)
    font = ImageFont.load_default(_TEXT)
    if query:
        _draw_tile(page, draw, query, (_MARGIN, top), font)
    if query and tiles:
        draw.line((left - _GAP, top, left - _GAP, height - _MARGIN), fill=_RULE)
    for at, tile in enumerate(tiles):
        corner = (left + at % columns * (_CELL + _GAP), top + at // columns * row_height)
        _draw_tile(page, draw, tile, corner, font)
    return page


def _draw_tile(page: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int], font: Font) -> None:
    """Draw frame, thumbnail and caption; the first line of the caption is darker than the others."""
    x, y = corner
    try:
        draw.rectangle((x, y, x + _CELL - 1, y + _CELL - 1), fill=tile.frame or _RULE)
    except ValueError:
        raise InputError(f"Frame '{tile.frame}' is no colour; name one such as seagreen or #2e8b57.") from None
    inside = (x + _FRAME, y + _FRAME) if tile.frame else (x + 1, y + 1)
    side = PICTURE if tile.frame else _CELL - 2
    draw.rectangle((*inside, inside[0] + side - 1, inside[1] + side - 1), fill=_EMPTY)
    thumbnail = _thumbnail(tile.image)
    if thumbnail is None:
        words = "no thumbnail" if tile.image is None else "unreadable thumbnail"
        draw.text((x + _CELL // 2, y + _CELL // 2), words, fill=_SOFT, font=font, anchor="mm")
    else:
        at = (x + (_CELL - thumbnail.width) // 2, y + (_CELL - thumbnail.height) // 2)
        page.paste(thumbnail, at)
    for line, text in enumerate(tile.caption):
        start = (x + 1, y + _CELL + 6 + line * _LINE)
        draw.text(start, _elided(text, font, _CELL - 2), fill=_SOFT if line else _INK, font=font)


def _thumbnail(data: bytes | None) -> Image.Image | None:
    """Decode a thumbnail and scale it to the tile; None if there is none or it is damaged."""
    from PIL import Image, ImageOps

    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=THUMBNAIL_FORMATS) as image:
            return ImageOps.contain(image.convert("RGB"), (PICTURE, PICTURE), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _elided(text: str, font: Font, width: int) -> str:
    """Cut a line to ``width`` pixels; a line that was cut ends in three dots."""
    line = " ".join(printable(text).split())
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."
