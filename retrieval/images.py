"""Read image files as upright Pillow images; used by indexing, training and search with an image."""

from __future__ import annotations

import hashlib
import io
import math
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from retrieval.containers import member_address, open_member
from retrieval.errors import InputError
from retrieval.image_formats import HEAD, MAX_PIXELS, decoder
from retrieval.pillow_messages import decoding, messages, pixel_limit

if TYPE_CHECKING:
    from retrieval.types import Preprocess, UInt8

EXIF_DIRECTORY, EXIF_DATE = 0x8769, 0x9003
"""Tags of the Exif sub-directory and of DateTimeOriginal in it."""

ORIENTATION, TURNED, SIDEWAYS = 0x0112, range(2, 9), range(5, 9)
"""Tag of the orientation of an image, its values that move pixels, and those that turn width and height."""

TIFF_WIDTH, TIFF_HEIGHT = 256, 257
"""Tags of a TIFF page: width and height as it is stored."""

TIFF_KIND, DNG_VERSION = 254, 50706
"""Tags of a TIFF page: NewSubfileType, whose lowest bit marks a reduced copy of another page, and DNGVersion."""

SEVERAL_FRAMES = "several frames or pages, of which the first is used"
TWELVE_BITS = (
    "16 bits and no value above 4,095, as sensors of 12 bits write them: taken as 16 bits, they are nearly black; "
    "multiply their values by 16 and index again"
)
STILL_FORMATS = ("HEIF", "JPEG")
"""Formats whose further frames are no pages: previews, depth maps, the other eye."""


class UprightImage(NamedTuple):
    """A decoded image, rotated by its Exif orientation.

    ``captured_at`` is the time of capture from Exif, or None. ``remarks`` say what is special about the file: what of
    it is not used, and what Pillow warns of.
    """

    image: Image.Image
    captured_at: datetime | None
    remarks: tuple[str, ...]


DECODER_MEMORY = {"AVIF": 1.25, "HEIF": 2.0, "JPEG2000": 2.5, "WEBP": 2.0}
"""Memory that decoding a pixel takes, as a multiple of the other formats' 8 bytes (measured with 119 megapixels)."""


class PixelLimitError(InputError):
    """An image has more pixels than the limit, which is lower for formats whose decoders take more memory."""

    def __init__(self, pixels: int, name: str) -> None:
        weight = DECODER_MEMORY.get(name, 1.0)
        limit = int(pixel_limit.pixels / weight)
        super().__init__(f"the image has {pixels:,} pixels, more than the limit of {limit:,} of {name}")
        self.needed = math.ceil(pixels * weight)

    @property
    def way_out(self) -> str:
        """Reason and the option that raises the limit, for callers that have the option."""
        return f"{self}; if you trust the file, set `max_pixels={self.needed}`"


def read_image(path: Path) -> bytes:
    """Read all bytes of an image: a file, or a member of a container (:mod:`retrieval.containers`).

    Of what is no image, which may be of any size, only the first bytes are read.

    Raises:
        InputError: the file or its container cannot be read, with the system's reason, or it is no image.
    """
    address = member_address(path)
    try:
        with path.open("rb") if address is None else open_member(address) as file:
            head = file.read(HEAD)
            decoder(head)
            return head + file.read()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})") from None


def upright(data: bytes) -> UprightImage:
    """Decode an image and rotate it by its Exif orientation.

    The first bytes choose the decoder. The limit of pixels is that of :func:`~retrieval.pillow_messages.decoding`, else
    its default.

    Raises:
        InputError: the bytes are not a complete image, or it has too many pixels. The message is the reason only.
    """
    name = decoder(data[:HEAD])
    messages.current = []
    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as opened:
            _check(opened, name)
            sixteen = ";16" in str(getattr(opened, "tile", [])[:1])  # before Exif, whose reading may load the image
            captured_at = _captured_at(opened)
            remarks = [SEVERAL_FRAMES] if name not in STILL_FORMATS and getattr(opened, "is_animated", False) else []
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)  # a copy of a large image would not fit in memory
        if _is_dark(opened, sixteen=sixteen):
            remarks.append(TWELVE_BITS)
        remarks += (f"Pillow warns: {text}" for text in dict.fromkeys(map(_one_line, messages.current)))
        return UprightImage(opened, captured_at, tuple(remarks))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise PixelLimitError(int(pixels[1]) if pixels else 0, name) from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything on a damaged file
        raise InputError(_reason(error, name)) from None
    finally:
        messages.current = None


class ImageFrame(NamedTuple):
    """Width and height of an upright image, and the Exif orientation by which the stored one is turned (1: not)."""

    size: tuple[int, int]
    orientation: int


def image_frame(path: Path) -> ImageFrame:
    """Return size and orientation of an image from its header, without decoding it.

    Raises:
        InputError: the file cannot be read or is no image. The message is the reason only.
    """
    name = ""
    try:
        with path.open("rb") if member_address(path) is None else io.BytesIO(read_image(path)) as file:
            name = decoder(file.read(HEAD))
            file.seek(0)
            with Image.open(file, formats=(name,)) as opened:
                orientation = opened.getexif().get(ORIENTATION, 1)
                tags = getattr(opened, "tag_v2", {})  # of TIFF, Pillow's own size is that of the upright image
                width, height = tags.get(TIFF_WIDTH, opened.width), tags.get(TIFF_HEIGHT, opened.height)
                size = (height, width) if orientation in SIDEWAYS else (width, height)
                return ImageFrame(size, orientation if orientation in TURNED else 1)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise anything on a damaged file
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"cannot be read ({error.strerror})") from None
        raise InputError(_reason(error, name)) from None


def _check(image: Image.Image, name: str) -> None:
    """Raise InputError for an image with too many pixels, and for a camera raw file under another name."""
    size = image.width * image.height
    if size * DECODER_MEMORY.get(name, 1.0) > pixel_limit.pixels:
        raise PixelLimitError(size, name)
    tags = getattr(image, "tag_v2", {})
    if DNG_VERSION in tags or tags.get(TIFF_KIND, 0) & 1:
        raise InputError("a camera raw file, whose first page is a small preview; convert it to TIFF")


def _is_dark(image: Image.Image, *, sixteen: bool) -> bool:
    """Return whether an image of 16 bits uses only the lowest 12 of them."""
    if image.mode.startswith("I"):
        return 0 < int(np.asarray(image).max()) < 4096
    return sixteen and 0 < int(np.asarray(image.convert("RGB")).max()) < 16


def content_hash(data: bytes) -> str:
    """Hash the bytes of a file (BLAKE2b, 32 hex digits)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_content(path: Path) -> str:
    """Return the content hash of an image file, by which a store knows it.

    Raises:
        InputError: the file cannot be read, or is not an image.
    """
    try:
        return content_hash(read_image(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def file_pixels(path: Path, preprocess: Preprocess, max_pixels: int = MAX_PIXELS) -> tuple[UInt8, tuple[str, ...]]:
    """Read an image file and preprocess it.

    Returns:
        Pixels (height, width, 3) uint8, and the remarks of :class:`UprightImage`.

    Raises:
        InputError: the file cannot be read, is not an image, or has more than ``max_pixels`` pixels.
    """
    from retrieval.encoders.preprocess import pixels

    try:
        with decoding(max_pixels):
            image, _, remarks = upright(read_image(path))
            return pixels(image, preprocess), remarks
    except PixelLimitError as error:
        raise InputError(f"{path}: {error.way_out}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _reason(error: Exception, name: str) -> str:
    """Return the reason of an error of a decoder; its several messages for truncated files become one."""
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    if isinstance(error, UnidentifiedImageError):  # its message is the address of the stream in memory
        return f"damaged {name} data"
    text = _one_line(str(error)) or type(error).__name__
    return "the image is truncated" if "truncated" in text.lower() else f"damaged {name} data ({text})"


def _captured_at(image: Image.Image) -> datetime | None:
    with suppress(OSError, ValueError, SyntaxError, KeyError, TypeError):
        text = image.getexif().get_ifd(EXIF_DIRECTORY).get(EXIF_DATE)
        return datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S") if text else None  # noqa: DTZ007
    return None
