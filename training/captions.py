"""Image-caption pairs: the manifests ``captions.csv`` of folders, and their images decoded once into a memory map.

Rows of the split ``train`` are trained on and ``val`` decides when to stop; ``test`` rows are read only of a world that
is drawn for training alone (``whole``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.encoders.preprocess import pixels
from retrieval.errors import InputError, MissingFileError
from retrieval.images import upright
from retrieval.text_files import read_csv
from training.image_cache import cached_pixels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from retrieval.types import Preprocess, UInt8

MANIFEST = "captions.csv"
COLUMNS = ("filepath", "caption", "split")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its caption; ``folder`` is the position of its source in the recipe."""

    path: Path
    caption: str
    folder: int
    flip: bool


def read_pairs(folder: Path, split: str, *, position: int, flip: bool) -> list[Pair]:
    """Read the pairs of one split, in the order of the manifest.

    Raises:
        MissingFileError: the folder has no manifest.
        InputError: a column, caption or split is missing, with the line.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise MissingFileError(f"{manifest} does not exist; name a folder that 'vitrine sample' has drawn.")
    pairs = []
    for line, row in read_csv(manifest, lambda columns: _check_header(manifest, columns)):
        where = f"{manifest}, line {line}"
        if row["split"] not in SPLITS:
            raise InputError(f"{where}: split '{row['split']}' is not one of {', '.join(SPLITS)}.")
        if not row["filepath"] or not row["caption"]:
            raise InputError(f"{where}: filepath or caption is empty.")
        if row["split"] == split:
            pairs.append(Pair(folder / row["filepath"], row["caption"], position, flip))
    return pairs


def _check_header(manifest: Path, columns: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise InputError(f"{manifest} has no column {missing[0]}; it needs {', '.join(COLUMNS)}.")


def decode_images(pairs: Sequence[Pair], size: Preprocess, cache: Path, what: str, *, quiet: bool = False) -> UInt8:
    """Decode all images, into a memory map that is made once.

    Args:
        pairs: n images.
        size: resizing and cropping; mean and std are not applied.
        cache: the file, ``.npy``; a ``.json`` beside it says what it was made from.
        what: name of the images in the progress line.
        quiet: whether to show no progress.

    Returns:
        (n, height, width, 3) uint8, read-only.

    Raises:
        InputError: a file is not an image.
        MissingFileError: an image does not exist.
    """

    def decode(number: int) -> UInt8:
        return _decode(pairs[number], size)

    return cached_pixels(cache, _key(pairs, size), len(pairs), size, decode, what, quiet=quiet)


def _decode(pair: Pair, size: Preprocess) -> UInt8:
    try:
        image = upright(pair.path.read_bytes()).image
    except FileNotFoundError:
        raise MissingFileError(f"{pair.path} does not exist, but its caption does; draw the folder again.") from None
    except InputError as error:
        raise InputError(f"{pair.path}: {error}") from None
    return pixels(image, size)


def _key(pairs: Iterable[Pair], size: Preprocess) -> str:
    """Digest of names, sizes and times of the files, and of resizing and cropping."""
    digest = hashlib.blake2b(repr(size).encode(), digest_size=16)
    for pair in pairs:
        try:
            about = pair.path.stat()
        except FileNotFoundError:
            raise MissingFileError(
                f"{pair.path} does not exist, but its caption does; draw the folder again."
            ) from None
        digest.update(f"{pair.path}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def larger(preprocess: Preprocess, side: int) -> Preprocess:
    """Return the same preprocessing with another image side; training crops are cut from that image."""
    return replace(preprocess, resize=side, crop=(side, side))
