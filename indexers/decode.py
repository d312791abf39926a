"""From a file to what the pipeline needs of it: content hash, upright pixels, a thumbnail, a perceptual hash.

Runs in worker threads; Pillow lets go of the interpreter lock while it decodes, resizes and compresses.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from retrieval.encoders.preprocess import pixels
from retrieval.errors import InputError
from retrieval.types import WHOLE, Box, Preprocess, UInt8

THUMBNAIL_SIDE = 128
EXIF_TAKEN = 0x9003
"""DateTimeOriginal, in the Exif sub-directory."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one file gave. ``pixels`` (height, width, 3) uint8; width and height are of the upright image or crop."""

    content: str
    key: str
    pixels: UInt8
    width: int
    height: int
    phash: int
    thumbnail: bytes | None
    captured_at: datetime | None


def content_hash(data: bytes) -> str:
    """Hash the bytes of a file (BLAKE2b, 32 hex digits)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def vector_key(content: str, crop: str) -> str:
    """The key of vectors and thumbnails: the content, and the crop where it is not the whole image."""
    return content if crop == WHOLE else f"{content}#{crop}"


def read_file(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        InputError: it cannot be read, with the system's reason.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None


def decode(data: bytes, crop: str, box: Box | None, preprocess: Preprocess, *, thumbnail: bool) -> Decoded:
    """Decode an image, turn it upright (EXIF), cut the box, and preprocess it.

    Raises:
        InputError: the bytes are not a whole image, with the reason.
    """
    content = content_hash(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as opened:
                taken = _captured_at(opened)
                opened.load()
                image = ImageOps.exif_transpose(opened)
            if box is not None:
                image = _cut(image, box)
            seen = pixels(image, preprocess)
            small = _thumbnail(image)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{error}" or type(error).__name__) from None
    return Decoded(
        content=content,
        key=vector_key(content, crop),
        pixels=seen,
        width=image.width,
        height=image.height,
        phash=_difference_hash(small),
        thumbnail=_webp(small) if thumbnail else None,
        captured_at=taken,
    )


def _cut(image: Image.Image, box: Box) -> Image.Image:
    left, top = round(box.x * image.width), round(box.y * image.height)
    right, bottom = round((box.x + box.width) * image.width), round((box.y + box.height) * image.height)
    left, top = max(0, left), max(0, top)
    right, bottom = min(image.width, max(right, left + 1)), min(image.height, max(bottom, top + 1))
    if left >= right or top >= bottom:
        raise InputError(f"the box {tuple(box)} lies outside the image")
    return image.crop((left, top, right, bottom))


def _thumbnail(image: Image.Image) -> Image.Image:
    scale = THUMBNAIL_SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale))) if scale < 1 else image.size
    small = image if image.mode in {"RGB", "L"} else image.convert("RGB")
    return small.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("RGB")


def _webp(small: Image.Image) -> bytes:
    out = io.BytesIO()
    small.save(out, "WEBP", quality=70, method=2)
    return out.getvalue()


def _difference_hash(small: Image.Image) -> int:
    """64-bit difference hash: does brightness rise from left to right, on a 9 x 8 grid (dHash, N. Krawetz 2013)."""
    grey = np.asarray(small.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = np.packbits((grey[:, 1:] > grey[:, :-1]).ravel())
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _captured_at(image: Image.Image) -> datetime | None:
    with suppress(OSError, ValueError, SyntaxError, KeyError, TypeError):
        text = image.getexif().get_ifd(0x8769).get(EXIF_TAKEN)
        return datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S") if text else None  # noqa: DTZ007
    return None
