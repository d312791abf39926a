"""What sources share: image suffixes, names of splits, and the attributes of the ``Source`` seam."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError
from retrieval.types import Problem

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
"""Spellings of a split (lower case) to the one we store."""


class NoOptions(Config):
    """Options of a source that has none."""


class SourceType(Protocol):
    """A class of sources: what it is called with, and the options it takes."""

    Options: type[Config]

    def __call__(self, path: Path, name: str | None, options: Any) -> BaseSource: ...


class BaseSource(ABC):
    """Base of the sources: ``root`` is where uris start, ``notes`` are things worth knowing that lost nothing."""

    kind: ClassVar[str]

    def __init__(self, path: Path, root: Path, name: str | None) -> None:
        self.path = path
        self.root = root
        # Part of every id, so it must not depend on where the data set lies: the last name only.
        here = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name
        self.name = name or f"{self.kind}:{here.name if here.is_dir() else here.stem}"
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    @abstractmethod
    def __iter__(self) -> Iterator[Sample]: ...

    def split_set(self) -> SplitSet | None:
        """The draws that the data set comes with, once it was iterated; None where it has none."""
        return None

    def _start(self) -> None:
        self.problems.clear()
        self.notes.clear()


def require_folder(path: Path) -> None:
    """Check that ``path`` is a folder.

    Raises:
        MissingFileError: there is nothing there.
        InputError: it is a file.
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
    """Whether a file name ends like an image we decode; of animations the first frame counts."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not meant for people (dot files, the leftovers of macOS archives)."""
    return name.startswith(".") or name == "__MACOSX"


def is_text(name: str) -> bool:
    """Whether a file name is valid Unicode, so that it can be stored and hashed."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def listing(folder: str) -> tuple[list[str], list[str], list[str]]:
    """List the visible entries of a folder, by name: folders, images, and links that lead nowhere."""
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
    root: Path, folder: str, problems: list[Problem], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[str]:
    """Uris of all images in a folder and below it, at each level images before folders, by name.

    Links to folders are followed, but never in a circle.

    Args:
        root: where uris start.
        folder: below the root; empty for the root itself.
        problems: receives links that lead nowhere, folders that cannot be read, names that are no text.
        above: inodes of the folders that lead here.
    """
    prefix = f"{folder}/" if folder else ""
    try:
        here = inode(root / folder)
        if here in above:
            return
        folders, images, broken = listing(str(root / folder))
    except OSError as error:
        problems.append(Problem(shown(folder), f"the folder cannot be read: {error.strerror}"))
        return
    problems += [Problem(shown(prefix + name), "the link leads nowhere", missing=True) for name in broken]
    for name in images:
        if is_text(prefix + name):
            yield prefix + name
        else:
            problems.append(Problem(shown(prefix + name), "the file name is not valid Unicode; rename it"))
    for name in folders:
        yield from images_below(root, prefix + name, problems, above | {here})


def inode(folder: Path) -> tuple[int, int]:
    """What tells a folder apart however it is reached."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def shown(name: str) -> str:
    """A file name as text, whatever bytes it is made of."""
    return name.encode(errors="backslashreplace").decode()


def has_image(folder: Path, depth: int = 3) -> bool:
    """Whether there is an image in the folder or up to ``depth`` levels below it."""
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
