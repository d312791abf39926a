"""Decode an image file: content hash, preprocessed pixels, thumbnail, perceptual hash and time of capture.

Runs in worker threads: Pillow releases the interpreter lock while it decodes, resizes and compresses.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PIL import Image

from retrieval.encoders.preprocess import pixels, to_rgb
from retrieval.errors import InputError
from retrieval.images import content_hash, upright
from retrieval.types import WHOLE, Box, Preprocess, UInt8

THUMBNAIL_SIDE = 128


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image, or the crop of one.

    ``content`` is the hash of the file, ``key`` that of its vectors. ``pixels`` (height, width, 3) uint8 are
    preprocessed; ``width`` and ``height`` are those of the upright image or crop before preprocessing. ``remarks`` are
    those of :class:`~retrieval.images.UprightImage`.
    """

    content: str
    key: str
    pixels: UInt8
    width: int
    height: int
    phash: int
    thumbnail: bytes | None
    captured_at: datetime | None
    remarks: tuple[str, ...] = ()


def vector_key(content: str, crop: str) -> str:
    """Return the key of vectors and thumbnails: the content hash and, unless it is the whole image, the crop."""
    return content if crop == WHOLE else f"{content}#{crop}"


def decode(data: bytes, crop: str, box: Box | None, preprocess: Preprocess, *, thumbnail: bool) -> DecodedImage:
    """Decode an image, rotate it upright, crop it to the box, and preprocess it.

    Args:
        data: bytes of the file.
        crop: ``Sample.crop``, part of the key.
        box: the crop, or None for the whole image.
        preprocess: preprocessing of the encoder.
        thumbnail: whether to make a thumbnail.

    Raises:
        InputError: the bytes are not a complete image, or the box lies outside it. The message is the reason only.
    """
    content = content_hash(data)
    image, captured_at, remarks = upright(data)
    if box is not None:
        image = cut_box(image, box)
    small = _small(image)
    return DecodedImage(
        content=content,
        key=vector_key(content, crop),
        pixels=pixels(image, preprocess),
        width=image.width,
        height=image.height,
        phash=difference_hash(small),
        thumbnail=_webp(small) if thumbnail else None,
        captured_at=captured_at,
        remarks=remarks,
    )


def cut_box(image: Image.Image, box: Box) -> Image.Image:
    """Crop an upright image to a box, at least one pixel wide and high.

    Raises:
        InputError: the box lies outside the image.
    """
    left, right = round(box.x * image.width), round((box.x + box.width) * image.width)
    top, bottom = round(box.y * image.height), round((box.y + box.height) * image.height)
    left, right = max(0, left), min(image.width, max(right, left + 1))
    top, bottom = max(0, top), min(image.height, max(bottom, top + 1))
    if left >= right or top >= bottom:
        raise InputError(f"the box {tuple(box)} lies outside the image")
    return image.crop((left, top, right, bottom))


def _small(image: Image.Image) -> Image.Image:
    scale = min(1.0, THUMBNAIL_SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    plain = image if image.mode in {"RGB", "L"} else to_rgb(image)
    return plain.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).convert("RGB")


def _webp(small: Image.Image) -> bytes:
    out = io.BytesIO()
    small.save(out, "WEBP", quality=70, method=2)
    return out.getvalue()


def difference_hash(image: Image.Image) -> int:
    """Compute the 64-bit difference hash (dHash, N. Krawetz 2013) as a signed integer.

    Bits say whether brightness rises from left to right between neighbours of a grid of 9 x 8 pixels.
    """
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = np.packbits((grey[:, 1:] > grey[:, :-1]).ravel())
    return int.from_bytes(bits.tobytes(), "big", signed=True)
