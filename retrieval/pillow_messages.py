"""What Pillow and its libraries say while they decode: kept by file, where it would be a bare line in the terminal."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import PIL
from PIL import Image

from retrieval.image_formats import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator


class Messages(threading.local):
    """What was said of the file that this thread decodes; ``current`` is None while it decodes none."""

    current: list[str] | None = None

    def take(self, text: str) -> bool:
        """Keep a message; return False if no file is being decoded."""
        if self.current is not None:
            self.current.append(text)
        return self.current is not None


messages = Messages()


@dataclass(slots=True)
class PixelLimit:
    """Largest number of pixels of an image that is decoded in this process."""

    pixels: int = MAX_PIXELS


pixel_limit = PixelLimit()


@contextmanager
def decoding(max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """Set the limit of pixels, and keep what is said of files in :data:`messages` instead of printing it.

    Both hold for the whole process, as Pillow and ``warnings`` have it: enter once, before threads are started.
    """
    before, pixel_limit.pixels = pixel_limit.pixels, max_pixels
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        with _kept_warnings(), _kept_log(), _silent_libtiff():
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
        pixel_limit.pixels = before


@contextmanager
def _kept_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("always", module=r"(.*\.)?(PIL|pillow_heif|retrieval\.images)\b")
        show = warnings.showwarning

        def keep(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: None) -> None:
            if not messages.take(str(message)):
                show(message, category, filename, lineno, *rest)

        warnings.showwarning = keep  # type: ignore[assignment]
        yield


class _FileLog(logging.Handler):
    """Takes what Pillow logs of a file."""

    def emit(self, record: logging.LogRecord) -> None:
        messages.take(record.getMessage())


@contextmanager
def _kept_log() -> Iterator[None]:
    log, handler = logging.getLogger("PIL"), _FileLog(logging.WARNING)
    propagate, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagate


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keep libtiff from printing its errors, which Pillow raises as exceptions too.

    It is found where Pillow's wheels have it; a libtiff of the system goes on printing.
    """
    home = Path(PIL.__file__).parent
    path = next((file for folder in ("../pillow.libs", ".dylibs") for file in (home / folder).glob("libtiff*")), None)
    if path is None:
        yield
        return
    try:
        library = ctypes.CDLL(str(path))
        setters = [library.TIFFSetErrorHandler, library.TIFFSetWarningHandler]
    except (OSError, AttributeError):
        yield
        return
    for setter in setters:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    handlers = [setter(None) for setter in setters]
    try:
        yield
    finally:
        for setter, handler in zip(setters, handlers, strict=True):
            setter(handler)
