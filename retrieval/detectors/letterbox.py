"""Fits images into the square that detectors take, and boxes back into the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from retrieval.types import Box, Float32

if TYPE_CHECKING:
    from collections.abc import Sequence

GREY = 114
"""Value of the padding with which the YOLO families are trained."""


class Letterbox(NamedTuple):
    """An image fitted into (height, width): ``pixels`` (1, 3, height, width) float32 in [0, 1], and how it was done.

    A point (x, y) of the image, in fractions of its ``size``, is at ``offset + fraction * inner`` pixels.
    """

    pixels: Float32
    inner: tuple[int, int]
    offset: tuple[int, int]

    def fractions(self, edges: Sequence[float]) -> Box | None:
        """Convert x1, y1, x2, y2 in pixels of the square to a box in fractions; None if nothing lies in the image."""
        (inner_width, inner_height), (left, top) = self.inner, self.offset
        x1, x2 = ((min(max(x - left, 0.0), inner_width)) / inner_width for x in (edges[0], edges[2]))
        y1, y2 = ((min(max(y - top, 0.0), inner_height)) / inner_height for y in (edges[1], edges[3]))
        return Box(x1, y1, x2 - x1, y2 - y1) if x2 > x1 and y2 > y1 else None


def placement(image: tuple[int, int], size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Compute where an image of a (width, height) lies in ``size`` (height, width): its inner size, and its offset."""
    height, width = size
    ratio = min(height / image[1], width / image[0])
    inner = max(1, round(image[0] * ratio)), max(1, round(image[1] * ratio))
    # The padding is halved and rounded as the YOLO families do: of an odd one, the smaller half is left and above.
    offset = round((width - inner[0]) / 2 - 0.1), round((height - inner[1]) / 2 - 0.1)
    return inner, offset


def letterbox(image: Image.Image, size: tuple[int, int]) -> Letterbox:
    """Resize an image so that it fits into ``size`` (height, width), centre it, and pad with grey."""
    height, width = size
    inner, offset = placement(image.size, size)
    plain = image.convert("RGB")
    fitted = plain if plain.size == inner else plain.resize(inner, Image.Resampling.BILINEAR)
    square = Image.new("RGB", (width, height), (GREY, GREY, GREY))
    square.paste(fitted, offset)
    pixels = np.asarray(square, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
    return Letterbox(np.ascontiguousarray(pixels), inner, offset)
