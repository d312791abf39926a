"""Name the colours of what images show: each pixel gets its nearest colour term, and middle and border are compared.

The terms are the eleven of Berlin and Kay (1969), and tan, cream and olive, with which fur, wood and fungi are
described. Each has a few shades: sRGB values from the xkcd colour survey (Munroe 2010, CC0). CIELAB is that of CIE 15
under D65 with the sRGB primaries of IEC 61966-2-1. The distance is Euclidean with half the weight on lightness, as in
CMC(2:1), because light and shade change the lightness of an object more than its colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Float32, UInt8

SHADES: Mapping[str, tuple[str, ...]] = {
    "black": ("000000", "070d0d"),
    "white": ("ffffff", "ffffe4"),
    "grey": ("929591", "d8dcd6", "59656d", "363737"),
    "red": ("e50000", "840000", "be0119"),
    "green": ("15b01a", "033500", "96f97b", "39ad48", "658b38"),
    "yellow": ("ffff14", "fffe7a", "d5b60a"),
    "blue": ("0343df", "00035b", "95d0fc", "5b7c99"),
    "brown": ("653700", "341c02", "ad8150", "876e4b"),
    "orange": ("f97306", "c65102", "fdaa48"),
    "pink": ("ff81c0", "ffd1df", "cb416b", "d58a94"),
    "purple": ("7e1e9c", "35063e", "bf77f6", "825f87"),
    "tan": ("d1b26f", "af884a", "fbeeac"),
    "cream": ("ffffc2", "e6daa6"),
    "olive": ("6e750e", "373e02", "acbf69", "6f7632"),
}
GRID = 64
"""Rows and columns of the grid from which pixels are taken, at most."""
SPREAD = 0.5
"""Standard deviation of the Gaussian weights of the middle, in units of half the image."""
BORDER = 0.1
"""Width of the border as a share of the shorter side."""
MIN_SHARE = 0.1
"""Share below which a colour is not named."""
MIN_DIFFERENCE = 0.05
"""If middle and border differ by less than this share, the image has no background that could be subtracted."""
LAB_WEIGHTS = np.array([0.5, 1, 1], np.float32)
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)


def lab(rgb: UInt8) -> Float32:
    """Convert sRGB (..., 3) uint8 to CIELAB (..., 3) float32: L in [0, 100], a and b about [-110, 110]."""
    scaled = np.asarray(rgb, np.float64) / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    lightness = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = (lightness[..., axis] for axis in range(3))
    values: Float32 = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
    return values


class Shares(NamedTuple):
    """The share of each term of :data:`SHADES` in the ``middle`` and at the ``border`` of an image; each sums to 1."""

    middle: NDArray[np.float64]
    border: NDArray[np.float64]


def colour_shares(image: UInt8) -> Shares:
    """Measure the colours of an image (height, width, 3) uint8, in its middle (Gaussian weights) and at its border."""
    rows, columns = (max(1, -(-side // GRID)) for side in image.shape[:2])
    pixels = image[::rows, ::columns]
    shades, term = _shades()
    distance = np.square((lab(pixels) * LAB_WEIGHTS)[:, :, None] - shades).sum(axis=-1)
    terms = term[distance.argmin(axis=-1)].reshape(-1)
    bell, edge = _weights(pixels.shape[0], pixels.shape[1])
    counted = [np.bincount(terms, weight.reshape(-1), minlength=len(SHADES)) / weight.sum() for weight in (bell, edge)]
    return Shares(*counted)


def colour_words(images: Iterable[UInt8], most: int = 3) -> tuple[str, ...]:
    """Name the colours of a class, most frequent first.

    These are the colours that the middle of its images has more of than the border, on average; if middle and border
    are alike, those of the middle. Colours of a share below :data:`MIN_SHARE` are left out.

    Args:
        images: images (height, width, 3) uint8 of the class, with equal weights; without images there are no terms.
        most: number of terms at most.
    """
    shares = [colour_shares(image) for image in images]
    if not shares:
        return ()
    middle = np.mean([share.middle for share in shares], axis=0)
    more = np.maximum(middle - np.mean([share.border for share in shares], axis=0), 0)
    score = more / more.sum() if more.sum() >= MIN_DIFFERENCE else middle
    terms = tuple(SHADES)
    return tuple(terms[at] for at in np.argsort(-score, kind="stable")[:most] if score[at] >= MIN_SHARE)


def _weights(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (height, width) of the middle and of the border."""
    places = [(2 * np.arange(n, dtype=np.float64) + 1) / n - 1 for n in (height, width)]
    bell = np.multiply.outer(*(np.exp(-0.5 * np.square(place / SPREAD)) for place in places))
    edges = [np.minimum(np.arange(n), n - 1 - np.arange(n)) for n in (height, width)]
    edge = np.minimum.outer(*edges) < max(1, BORDER * min(height, width))
    return bell, edge.astype(np.float64)


@cache
def _shades() -> tuple[Float32, NDArray[np.int64]]:
    """Every shade in CIELAB (s, 3), its lightness halved, and the index of its term (s,)."""
    pairs = [(bytes.fromhex(shade), at) for at, shades in enumerate(SHADES.values()) for shade in shades]
    values = np.array([list(shade) for shade, _ in pairs], np.uint8)
    return lab(values) * LAB_WEIGHTS, np.array([at for _, at in pairs], np.int64)
