"""Image files to upright Pillow images, with one-sentence errors. Used by indexing and by search with an image."""

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

EXIF_DIRECTORY, EXIF_TAKEN = 0x8769, 0x9003
"""The Exif sub-directory, and DateTimeOriginal in it."""


def read_file(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        InputError: it cannot be read, with the system's reason.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None


def upright(data: bytes) -> tuple[Image.Image, datetime | None]:
    """Decode an image and turn it as its EXIF orientation says; also when it was taken, if it says so.

    Raises:
        InputError: the bytes are not a whole image, with the reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as opened:
                taken = _captured_at(opened)
                opened.load()
                return ImageOps.exif_transpose(opened), taken
        except UnidentifiedImageError:
            raise InputError("not an image" if data else "the file is empty") from None
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise InputError(_reason(error)) from None


def file_pixels(path: Path, preprocess: Preprocess) -> UInt8:
    """Read one file and preprocess it: (height, width, 3) uint8.

    Raises:
        InputError: it cannot be read or is not an image, naming the file.
    """
    from retrieval.encoders.preprocess import pixels

    data = read_file(path)
    try:
        return pixels(upright(data)[0], preprocess)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _reason(error: Exception) -> str:
    """Pillow has several ways to say that a file ends too early."""
    text = str(error) or type(error).__name__
    return "the image is truncated" if "truncated" in text.lower() else text


def _captured_at(image: Image.Image) -> datetime | None:
    with suppress(OSError, ValueError, SyntaxError, KeyError, TypeError):
        text = image.getexif().get_ifd(EXIF_DIRECTORY).get(EXIF_TAKEN)
        return datetime.strptime(str(text).strip("\x00 "), "%Y:%m:%d %H:%M:%S") if text else None  # noqa: DTZ007
    return None
