"""Decode an image file: content hash, preprocessed pixels, thumbnail, perceptual hash and time of capture.

Runs in worker threads: Pillow releases the interpreter lock while it decodes, resizes and compresses.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from PIL import Image

from retrieval.crops import BOX, CropPolicy, cut_box
from retrieval.encoders.preprocess import pixels, to_rgb
from retrieval.images import content_hash, upright
from retrieval.types import WHOLE, Box, Polygon, Preprocess, Sample, UInt8

THUMBNAIL_SIDE = 128
BOX_ITSELF = CropPolicy(BOX)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image, or the crop of one.

    ``content`` is the hash of the file, ``key`` that of its vectors. ``pixels`` (height, width, 3) uint8 are
    preprocessed, or (pictures, height, width, 3) where the crop policy has several; ``width`` and ``height`` are those
    of the upright image or crop before preprocessing. ``remarks`` are those of
    :class:`~retrieval.images.UprightImage`.
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


class OpenedImage(NamedTuple):
    """An image file, decoded once for all of its samples."""

    content: str
    image: Image.Image
    captured_at: datetime | None
    remarks: tuple[str, ...]


def open_image(data: bytes) -> OpenedImage:
    """Decode an image and rotate it upright.

    Raises:
        InputError: the bytes are not a complete image. The message is the reason only.
    """
    image, captured_at, remarks = upright(data)
    return OpenedImage(content_hash(data), image, captured_at, remarks)


def decode(
    opened: OpenedImage, sample: Sample, preprocess: Preprocess, *, thumbnail: bool, policy: CropPolicy = BOX_ITSELF
) -> DecodedImage:
    """Cut what a sample shows out of an image, and preprocess what the encoder sees of it.

    Thumbnail, size and perceptual hash are those of the box, whatever the policy.

    Args:
        opened: the image.
        sample: the sample; its crop is part of the key.
        preprocess: preprocessing of the encoder.
        thumbnail: whether to make a thumbnail.
        policy: what the encoder sees of a box.

    Raises:
        InputError: the box lies outside the image. The message is the reason only.
    """
    box = sample.box
    cut = opened.image if box is None else cut_box(opened.image, box)
    small = _small(cut)
    return DecodedImage(
        content=opened.content,
        key=vector_key(opened.content, sample.crop),
        pixels=seen_pixels(opened.image, box, sample.polygon, preprocess, policy),
        width=cut.width,
        height=cut.height,
        phash=difference_hash(small),
        thumbnail=_webp(small) if thumbnail else None,
        captured_at=opened.captured_at,
        remarks=opened.remarks,
    )


def seen_pixels(
    image: Image.Image, box: Box | None, polygon: Polygon | None, preprocess: Preprocess, policy: CropPolicy
) -> UInt8:
    """Return what an encoder sees of a sample: pixels as :class:`DecodedImage` has them.

    Raises:
        InputError: the box lies outside the image.
    """
    views = [pixels(picture, preprocess) for picture in policy.pictures(image, box, polygon)]
    return views[0] if len(views) == 1 else np.stack(views)


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
