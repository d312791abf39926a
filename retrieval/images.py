"""Read image files as upright Pillow images; used by indexing and by search with an image."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import Preprocess, UInt8

EXIF_DIRECTORY, EXIF_DATE = 0x8769, 0x9003
"""Tags of the Exif sub-directory and of DateTimeOriginal in it."""


def read_file(path: Path) -> bytes:
    """Read all bytes of a file.

    Raises:
        InputError: the file cannot be read; the message gives the system's reason.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None


def upright(data: bytes) -> tuple[Image.Image, datetime | None]:
    """Decode an image and rotate it by its Exif orientation.

    Returns:
        The image, and its time of capture from Exif or None.

    Raises:
        InputError: the bytes are not a complete image. The message is the reason only.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as image:
                captured_at = _captured_at(image)
                image.load()
                return ImageOps.exif_transpose(image), captured_at
        except UnidentifiedImageError:
            raise InputError("not an image" if data else "the file is empty") from None
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise InputError(_reason(error)) from None


def file_pixels(path: Path, preprocess: Preprocess) -> UInt8:
    """Read an image file and preprocess it to pixels (height, width, 3) uint8.

    Raises:
        InputError: the file cannot be read or is not an image.
    """
    from retrieval.encoders.preprocess import pixels

    data = read_file(path)
    try:
        return pixels(upright(data)[0], preprocess)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _reason(error: Exception) -> str:
    """Return the reason of Pillow's error; its several messages for truncated files become one."""
    text = str(error) or type(error).__name__
    return "the image is truncated" if "truncated" in text.lower() else text


def _captured_at(image: Image.Image) -> datetime | None:
    with suppress(OSError, ValueError, SyntaxError, KeyError, TypeError):
        text = image.getexif().get_ifd(EXIF_DIRECTORY).get(EXIF_DATE)
        return datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S") if text else None  # noqa: DTZ007
    return None
