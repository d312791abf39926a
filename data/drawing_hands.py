"""Drawing functions of hands: smooth curves, blurring, shifting, and shading of relief."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.drawing import Floats

    Points = NDArray[np.float64]


def curve(points: Points, steps: int = 6, *, closed: bool = False) -> Points:
    """Join (n, 2) points by a Catmull-Rom spline of ``steps`` points each."""
    ends = (points[-1:], points[:2]) if closed else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    padded = np.concatenate([ends[0], points, ends[1]])
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    spline = (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    ) / 2
    smooth: Points = spline.reshape(-1, 2)
    return smooth if closed else np.concatenate([smooth, points[-1:]])


def soften(values: Floats, radius: float) -> Floats:
    """Blur (height, width) over about ``radius`` pixels, by reducing and enlarging."""
    sheet = Image.fromarray(values)
    width, height = (max(2, round(side / max(radius, 1))) for side in sheet.size)
    reduced = sheet.resize((width, height), Image.Resampling.HAMMING)
    return np.asarray(reduced.resize(sheet.size, Image.Resampling.BICUBIC), np.float32)


def moved(values: Floats, x: int, y: int) -> Floats:
    """Shift (height, width) by whole pixels, filling with zeros."""
    height, width = values.shape
    result = np.zeros_like(values)
    result[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = values[
        max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
    ]
    return result


def shading(height: Floats, sun: tuple[float, float], contrast: float) -> tuple[Floats, Floats]:
    """Shade relief by Lambert's law, and compute its gloss by Blinn's.

    Args:
        height: (height, width), in pixels.
        sun: azimuth and elevation in radians; y points down.
        contrast: share of the light that comes from the sun.

    Returns:
        Factors of colours (1 on level ground) and gloss (0..1), both (height, width).
    """
    down, right = np.gradient(height)
    steep = 1 / np.sqrt(1 + down * down + right * right)
    azimuth, elevation = sun
    level = np.cos(elevation)
    light = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], np.float32)
    facing = np.maximum(steep * (light[2] - light[0] * right - light[1] * down), 0)
    half = (light + np.array([0, 0, 1], np.float32)) / np.sqrt(2 + 2 * light[2])
    gloss = np.maximum(steep * (half[2] - half[0] * right - half[1] * down), 0)
    for _ in range(5):
        gloss *= gloss
    return 1 + np.float32(contrast) * (facing / light[2] - 1), gloss
