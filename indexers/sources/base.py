"""The base class of sources, and what they share: image suffixes, names of splits, and listing of folders."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retrieval.types import Sample, SplitSet

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")

SPLITS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "query": "query",
    "gallery": "gallery",
}
"""Accepted names of splits (lower case) -> stored names."""


class NoSourceOptions(Config):
    """The empty options of a source without options."""


class SourceType(Protocol):
    """The type of a source class: ``Options`` validates the options that its constructor takes."""

    Options: type[Config]

    def __call__(self, path: Path, name: str | None, options: Any) -> BaseSource: ...


class BaseSource(ABC):
    """Base class of sources, which yield a :class:`~retrieval.types.Sample` per image.

    Args:
        path: folder or table that the user gave.
        root: folder that uris of samples are relative to.
        name: part of the id of every sample; None is ``<kind>:<last name of path>``.

    ``problems`` collects images and rows that cannot be used, ``notes`` sentences for the user about decisions that
    cost no sample. Both are filled by iterating.
    """

    kind: ClassVar[str]

    def __init__(self, path: Path, root: Path, name: str | None) -> None:
        self.path = path
        self.root = root
        # The name is part of every id and must not depend on where the data set lies, so only the last name is used.
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name
        self.name = name or f"{self.kind}:{absolute.name if absolute.is_dir() else absolute.stem}"
        self.problems: list[SourceProblem] = []
        self.notes: list[str] = []

    @abstractmethod
    def __iter__(self) -> Iterator[Sample]: ...

    def split_set(self) -> SplitSet | None:
        """Return the draws that the data set defines, or None if it defines none. Call after iterating."""
        return None

    def _start(self) -> None:
        self.problems.clear()
        self.notes.clear()


def require_folder(path: Path) -> None:
    """Check that ``path`` is a folder.

    Raises:
        MissingFileError: the path does not exist.
        InputError: the path is a file.
    """
    # Path.exists raises where a parent may not be read or a name is too long; os.path says False.
    if not os.path.exists(path):  # noqa: PTH110
        raise MissingFileError(f"There is no folder {path}.")
    if not path.is_dir():
        raise InputError(f"{path} is a file, not a folder.")


def split_name(text: str) -> str | None:
    """Return the stored name of a split (``Validation`` -> ``val``), or None if ``text`` names none."""
    return SPLITS.get(text.strip().lower())


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image format; of animations the first frame is decoded."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden: a dot file, or metadata that macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


def is_text(name: str) -> bool:
    """Return whether a file name is valid Unicode, so that it can be stored and hashed."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def listing(folder: str) -> tuple[list[str], list[str], list[str]]:
    """List the names in a folder, each list sorted: sub-folders, images, and links to images that do not exist."""
    folders: list[str] = []
    images: list[str] = []
    broken: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            elif is_image(entry.name):
                (images if entry.is_file() else broken).append(entry.name)
    for names in (folders, images, broken):
        names.sort()
    return folders, images, broken


def images_below(
    root: Path, folder: str, problems: list[SourceProblem], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[str]:
    """Yield the uris of all images in a folder and below it: at each level images before folders, sorted by name.

    Links to folders are followed, but cycles of links are not.

    Args:
        root: folder that uris are relative to.
        folder: uri of the folder; empty for the root itself.
        problems: receives links that lead nowhere, folders that cannot be read, and names that are not Unicode.
        above: inodes of the folders above, to detect cycles.
    """
    prefix = f"{folder}/" if folder else ""
    try:
        current = inode(root / folder)
        if current in above:
            return
        folders, images, broken = listing(str(root / folder))
    except OSError as error:
        problems.append(SourceProblem(printable(folder), f"the folder cannot be read: {error.strerror}"))
        return
    problems += [SourceProblem(printable(prefix + name), "the link leads nowhere", missing=True) for name in broken]
    for name in images:
        if is_text(prefix + name):
            yield prefix + name
        else:
            problems.append(SourceProblem(printable(prefix + name), "the file name is not valid Unicode; rename it"))
    for name in folders:
        yield from images_below(root, prefix + name, problems, above | {current})


def inode(folder: Path) -> tuple[int, int]:
    """Return device and inode of a folder, which are the same through every link to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def printable(name: str) -> str:
    """Return a file name as valid Unicode, with bytes that are not written as escapes."""
    return name.encode(errors="backslashreplace").decode()


def has_image(folder: Path, depth: int = 3) -> bool:
    """Return whether there is an image in the folder or up to ``depth`` levels below it."""
    return next(_any_image(str(folder), depth), False)


def _any_image(folder: str, depth: int) -> Iterator[bool]:
    try:
        folders, images, _ = listing(folder)
    except OSError:
        return
    if images:
        yield True
    if depth:
        for name in folders:
            yield from _any_image(f"{folder}/{name}", depth - 1)
