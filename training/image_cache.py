"""Pixels of images that are decoded once into a memory-mapped file, which is made again when its key changes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import numpy as np

from retrieval.errors import InputError, VitrineError
from retrieval.files import replacing, write_atomically
from retrieval.pillow_messages import decoding
from retrieval.progress import progress
from retrieval.text_files import read_json
from training.processes import from_first, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from retrieval.types import Preprocess, UInt8


def cached_pixels(
    cache: Path, key: str, n: int, size: Preprocess, decode: Callable[[int], UInt8], what: str, *, threads: int = 2,
    quiet: bool = False,
) -> UInt8:  # fmt: skip
    """Decode n images into a memory map, unless the file has them already.

    Args:
        cache: the file, ``.npy``; a ``.json`` beside it holds the key.
        key: text that changes with the images.
        n: number of images.
        size: resizing and cropping.
        decode: returns the pixels (height, width, 3) of an image by its number.
        what: name of the images in the progress line.
        threads: number of images that are decoded at a time.
        quiet: whether to show no progress.

    Returns:
        (n, height, width, 3) uint8, read-only.

    Raises:
        InputError, MissingFileError: an image cannot be decoded, or the file cannot be written.
    """
    made_from = cache.with_suffix(".json")
    problem: VitrineError | None = None
    if rank() == 0 and not (cache.is_file() and made_from.is_file() and read_json(made_from, "a key") == key):
        made_from.unlink(missing_ok=True)
        try:
            _write(cache, n, size, decode, what, threads=threads, quiet=quiet)
            write_atomically(made_from, json.dumps(key))
        except VitrineError as error:
            problem = error
        except OSError as error:
            problem = InputError(
                f"{cache} cannot be written ({error.strerror or error}); decoded images of this run take "
                f"{image_bytes(size) * n / 1e9:.2f} GB there."
            )
    # The other processes of a run wait for the first, and read its file: their own folders are temporary.
    problem, cache = from_first((problem, cache.absolute()))
    if problem is not None:
        raise problem
    return cast("UInt8", np.load(cache, mmap_mode="r"))


def image_bytes(size: Preprocess) -> int:
    """Bytes that the pixels of an image take."""
    return size.crop[0] * size.crop[1] * 3


def _write(
    cache: Path, n: int, size: Preprocess, decode: Callable[[int], UInt8], what: str, *, threads: int, quiet: bool
) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (n, *size.crop, 3)}
    with (
        replacing(cache, shared=False) as part,
        part.open("wb") as file,  # a memory map of a full disk would end the process instead of raising
        decoding(),
        progress(f"decoding {what}", n, quiet=quiet) as shown,
        ThreadPoolExecutor(threads) as pool,
    ):
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, n, 64 * threads):  # in parts, so that few images wait to be written
            numbers: Iterable[int] = range(start, min(n, start + 64 * threads))
            for image in pool.map(decode, numbers):
                file.write(np.ascontiguousarray(image).tobytes())
                shown.advance()
