"""Pictures of inspected images: boxes in the colour of their condition, with type, condition and score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from eval.runs.inspection import read_upright
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from eval.runs.inspection import InspectedImage
    from retrieval.types import Box

SIDE = 1280
"""Longer side of a picture, in pixels; smaller images are enlarged to :data:`LEAST_SIDE`, so that words are legible."""

LEAST_SIDE = 640

COLOURS = ("#2f7d4f", "#c1440e", "#b58900", "#6c4ab6", "#0b6fa4", "#8a5a44")
"""Colours of conditions: the first is that of ``normal``, the others of the others in the order of their names."""

NORMAL = "normal"

MARK = b"Drawn by vitrine inspect."
"""Comment in the file of a picture, by which it may be replaced."""


def condition_colours(conditions: set[str]) -> dict[str, str]:
    """Give every condition a colour."""
    others = [name for name in sorted(conditions) if name != NORMAL]
    return {NORMAL: COLOURS[0], **{name: COLOURS[1 + at % (len(COLOURS) - 1)] for at, name in enumerate(others)}}


def check_pictures(folder: Path) -> None:
    """Refuse, before any work, a folder in which a picture could replace a file that is none.

    Raises:
        InputError: a file is named as pictures are, ``0001_STEM.jpg``, and was not drawn by :func:`annotated_picture`.
    """
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]*_*.jpg")):
        if not _is_drawn(path):
            raise InputError(
                f"{path} was not drawn by inspect and could be replaced; choose another folder for `pictures`."
            )


def _is_drawn(path: Path) -> bool:
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            return picture.info.get("comment") == MARK
    except (OSError, Image.DecompressionBombError):
        return False


def annotated_picture(image: InspectedImage, colours: dict[str, str], out: Path) -> None:
    """Draw the objects of an image, and save it as JPEG.

    Args:
        image: the inspected image.
        colours: colour of each condition.
        out: the file.

    Raises:
        InputError: the image cannot be read.
    """
    picture = read_upright(image.path).convert("RGB")
    longer = max(picture.size)
    scale = min(1.0, SIDE / longer) if longer >= LEAST_SIDE else LEAST_SIDE / longer
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    brush, font = ImageDraw.Draw(picture), ImageFont.load_default(size=max(13, max(picture.size) // 55))
    edges = [_edges(one.box, picture.size) for one in image.objects]
    for one, sides in zip(image.objects, edges, strict=True):
        brush.rectangle(sides, outline=colours[one.condition], width=max(2, max(picture.size) // 320))
    taken: list[tuple[float, float, float, float]] = []
    for one, sides in zip(image.objects, edges, strict=True):  # words last, so that no line crosses them
        text = f"{one.object or one.detected} · {one.condition} {one.score:.2f}"
        _label(brush, font, sides, text, colours[one.condition], taken)
    out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(out, "JPEG", quality=90, comment=MARK)


def _edges(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    return box.x * width, box.y * height, (box.x + box.width) * width, (box.y + box.height) * height


def _label(
    brush: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    edges: tuple[float, float, float, float],
    text: str,
    colour: str,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Write a text at the top left corner of a box, inside the picture and clear of earlier texts."""
    left, top, right, bottom = brush.textbbox((0, 0), text, font=font)
    width, height = right - left + 8, bottom - top + 6
    x = max(0.0, min(edges[0], brush.im.size[0] - width))
    y = edges[1] - height if edges[1] >= height else edges[1]
    while any(x < other[2] and x + width > other[0] and y < other[3] and y + height > other[1] for other in taken):
        y += height
    y = max(0.0, min(y, brush.im.size[1] - height))
    taken.append((x, y, x + width, y + height))
    brush.rectangle((x, y, x + width, y + height), fill=colour)
    brush.text((x + 4 - left, y + 3 - top), text, fill="white", font=font)
