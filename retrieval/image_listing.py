"""Lists the images of folders: by the suffix of a name, or by the first bytes of a file without one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retrieval.image_formats import HEAD, RAW_SUFFIXES, SUFFIXES, image_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = "folder"
IMAGE = "image"
BROKEN_LINK = "broken links"
UNREADABLE = "unreadable files"


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image format; of animations the first frame is decoded."""
    return suffix_of(name) in SUFFIXES


def suffix_of(name: str) -> str:
    """Return the suffix of a file name in lower case."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, for every file of a folder


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden: a dot file, or metadata that macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


class FolderListing(NamedTuple):
    """What lies in a folder: ``total`` entries, of which sub-folders and images by name, and the others by kind."""

    total: int
    folders: list[str]
    images: list[str]
    left_out: list[tuple[str, str]]


def listing(folder: str, contents: dict[str, str] | None = None) -> FolderListing:
    """List what lies in a folder, sorted by name. ``left_out`` are pairs of the kind and the name of an entry.

    A file with the suffix of an image format is an image; of any other file the first bytes tell.

    Args:
        folder: the folder.
        contents: kinds of files whose first bytes were read before, by path; new ones are added.

    Raises:
        OSError: the folder cannot be read.
    """
    contents = {} if contents is None else contents
    folders: list[str] = []
    images: list[str] = []
    left_out: list[tuple[str, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            kind = entry_kind(entry) or contents.get(entry.path)
            if kind is None:
                kind = contents[entry.path] = content_kind(entry.path)
            if kind == FOLDER:
                folders.append(entry.name)
            elif kind == IMAGE:
                images.append(entry.name)
            else:
                left_out.append((kind, entry.name))
    total = len(folders) + len(images) + len(left_out)
    return FolderListing(total, sorted(folders), sorted(images), sorted(left_out, key=lambda entry: entry[1]))


def entry_kind(entry: os.DirEntry[str]) -> str | None:
    """Return the kind of an entry of a folder as its name and type tell it; None where its content must."""
    if is_hidden(entry.name):
        return "hidden"
    try:
        if entry.is_dir():
            return FOLDER
        if not entry.is_file():  # a link to nothing is neither; os.path.exists is False for a link to itself too
            return "special files" if os.path.exists(entry.path) else BROKEN_LINK  # noqa: PTH110
    except OSError:
        return BROKEN_LINK
    return IMAGE if suffix_of(entry.name) in SUFFIXES else None


def _first_bytes(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)  # half the time of Path.open, over as many files as there are images
    try:
        return os.read(file, HEAD)
    finally:
        os.close(file)


def content_kind(path: str) -> str:
    """Return the kind of a file by its first bytes: an image, or why it is left out."""
    try:
        head = _first_bytes(path)
    except OSError:
        return UNREADABLE
    name = image_format(head)
    if suffix_of(path) in RAW_SUFFIXES and name in {None, "TIFF"}:
        return "camera raw files"
    if name is not None:
        return IMAGE
    return "not images" if head else "empty files"


def inode(folder: Path) -> tuple[int, int]:
    """Return device and inode of a folder, which are the same through every link to it."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def images_below(
    folder: Path, tell: Callable[[Path, str], None], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Path]:
    """Yield the images in a folder and below it: at each level images before folders, sorted by name.

    Hidden entries are left out. Links to folders are followed, but cycles of links are not.

    Args:
        folder: the folder.
        tell: called with a folder that cannot be read, and the reason.
        above: inodes of the folders above, to detect cycles.
    """
    try:
        current = inode(folder)
        listed = None if current in above else listing(str(folder))
    except OSError as error:
        tell(folder, f"the folder cannot be read: {error.strerror}")
        return
    if listed is not None:
        yield from (folder / name for name in listed.images)
        for name in listed.folders:
            yield from images_below(folder / name, tell, above | {current})
