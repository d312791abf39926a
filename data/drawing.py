"""Shared by all generators: noise, drawing with Pillow, a camera model, and JPEG files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

OVERSAMPLING = 2
"""Images are drawn at this multiple of their size, then averaged down, which smooths edges."""


@dataclass(frozen=True)
class Camera:
    """How a scene becomes an image file; the defaults change nothing.

    ``tint`` multiplies red, green and blue; ``blur`` is a standard deviation in pixels, ``noise`` one in levels
    of 0..255; ``vignette`` is the loss of light in the corners.
    """

    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    vignette: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    quality: int = 92

    @classmethod
    def random(cls, rng: np.random.Generator, light: float, size: int) -> Camera:
        """Draw a random camera for a scene whose ``light`` is 0 (dim, thus darker and noisier) to 1 (bright)."""
        warmth, green = rng.normal(0, 0.09), rng.normal(0, 0.025)
        return cls(
            exposure=float((0.74 + 0.4 * light) * rng.lognormal(0, 0.1)),
            tint=(float(1 + warmth), float(1 + green), float(1 - warmth)),
            contrast=float(rng.uniform(0.82, 1.15)),
            vignette=float(rng.uniform(0, 0.35)),
            blur=float(rng.gamma(1.2, 0.35) * size / 160),
            noise=float(rng.uniform(1.5, 5) + 5 * (1 - light) * rng.random()),
            quality=int(rng.integers(72, 94)),
        )

    def take(self, scene: Floats, rng: np.random.Generator) -> Pixels:
        """Photograph a scene (height, width, 3) of 0..255; the image is smaller by the factor ``OVERSAMPLING``."""
        picture = as_image(scene).reduce(OVERSAMPLING)
        if self.blur > 0.25:
            picture = picture.filter(ImageFilter.GaussianBlur(self.blur))
        pixels = np.asarray(picture, dtype=np.float32)
        pixels = pixels * (np.asarray(self.tint, np.float32) * np.float32(self.exposure * self.contrast))
        pixels += np.float32(118 * (1 - self.contrast))
        if self.vignette:
            pixels *= 1 - np.float32(self.vignette) * _corners(*pixels.shape[:2])[..., None]
        if self.noise:
            pixels += _grain(pixels.shape[:2], rng) * np.float32(self.noise)
        return as_pixels(pixels)


def as_pixels(values: ArrayLike) -> Pixels:
    """Round and clip to 0..255."""
    pixels: Pixels = np.clip(np.asarray(values) + np.float32(0.5), 0, 255).astype(np.uint8)
    return pixels


def as_image(values: ArrayLike) -> Image.Image:
    """Make a Pillow image of (height, width) or (height, width, 3) values, 0..255."""
    return Image.fromarray(as_pixels(values))


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """Encode (height, width, 3) as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float], octaves: int = 3) -> Floats:
    """Draw smooth noise of about unit variance: a sum of random grids, each with twice the cells and half the weight.

    Args:
        rng: random generator.
        shape: height and width of the result.
        cells: cells of the first grid, vertically and horizontally.
        octaves: number of grids.
    """
    total = np.zeros(shape, np.float32)
    weight, power = 1.0, 0.0
    for octave in range(octaves):
        rows, columns = (min(side, max(2, round(cell * 2**octave))) for side, cell in zip(shape, cells, strict=True))
        grid = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
        total += np.float32(weight) * np.asarray(grid.resize(shape[::-1], Image.Resampling.BICUBIC))
        power += weight**2
        weight /= 2
    return total * np.float32(1.3 / np.sqrt(power))


def smoothstep(low: float, high: float, values: Floats) -> Floats:
    """Rise from 0 at ``low`` to 1 at ``high`` with zero slope at both ends (the cubic ``3t^2 - 2t^3``)."""
    along = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    risen: Floats = along * along * (3 - 2 * along)
    return risen


def enlarge(pixels: Floats, factor: int) -> Floats:
    """Enlarge (height, width, 3) values of 0..255 by a whole factor, smoothly."""
    picture = as_image(pixels)
    size = (picture.width * factor, picture.height * factor)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def colour(rgb: Iterable[float]) -> tuple[int, int, int]:
    """Round and clip a colour to the integers 0..255 that Pillow takes."""
    red, green, blue = (min(max(round(float(value)), 0), 255) for value in rgb)
    return red, green, blue


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw sensor noise (height, width, 3), mostly in lightness, some in colour."""
    light = rng.standard_normal((*shape, 1), dtype=np.float32)
    hue = rng.standard_normal((*shape, 3), dtype=np.float32)
    return np.float32(0.8) * light + np.float32(0.6) * hue


@lru_cache(maxsize=8)
def _corners(height: int, width: int) -> Floats:
    """Squared distance (height, width) of pixels from the centre; 1 in the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    squared: Floats = ((x * x + y * y) / 2).astype(np.float32)
    return squared
