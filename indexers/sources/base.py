"""The base class of sources, and what they share: names of splits, and listing of folders."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError
from retrieval.image_listing import (
    BROKEN_LINK,
    FOLDER,
    IMAGE,
    UNREADABLE,
    content_kind,
    entry_kind,
    inode,
    is_hidden,
    listing,
)
from retrieval.types import SourceProblem, SourceTally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexers.tables import InputTable, TableRow
    from retrieval.types import Sample, SplitSet


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
    cost no sample. ``tally`` counts all that was seen: every problem, what was left out without one, and the samples.
    All are filled by iterating.

    A subclass implements :meth:`_samples`. It reads folders by :meth:`_list` and :meth:`_images_below` and tables by
    :meth:`_rows`, which count what they see; an entry that it does not turn into a sample is either appended to
    ``problems`` or counted by ``tally.leave_out``.
    """

    kind: ClassVar[str]
    tables: frozenset[str] = frozenset()
    """Names of files that the source reads as tables: their rows are counted, not the files."""

    def __init__(self, path: Path, root: Path, name: str | None) -> None:
        self.path = path
        self.root = root
        # The name is part of every id and must not depend on where the data set lies, so only the last name is used.
        self.name = name or f"{self.kind}:{folder_name(path) if path.is_dir() else path.stem}"
        self.problems: list[SourceProblem] = []
        self.notes: list[str] = []
        self.tally = SourceTally()
        self._contents: dict[str, str] = {}  # path -> kind of a file without the suffix of an image; read once

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples, in the same order every time.

        Raises:
            InputError: the data set cannot be read, or has no sample.
        """
        self.problems.clear()
        self.notes.clear()
        self.tally.clear()
        for sample in self._samples():
            self.tally.taken += 1
            yield sample
        for problem in self.problems:
            if problem.kind is not None:
                self.tally.leave_out(problem.kind, problem.where)

    @abstractmethod
    def _samples(self) -> Iterator[Sample]:
        """Yield the samples; called with empty ``problems``, ``notes`` and ``tally``."""

    def split_set(self) -> SplitSet | None:
        """Return the draws that the data set defines, or None if it defines none. Call after iterating."""
        return None

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """List the sub-folders and the images of a folder by name, and count what else lies in it.

        Sub-folders are not counted: one that is not entered afterwards must be, by :meth:`_pass_over`.

        Args:
            folder: uri of the folder; empty for the root itself.

        Raises:
            OSError: the folder cannot be read.
        """
        entries = listing(str(self.root / folder), self._contents)
        prefix = f"{folder}/" if folder else ""
        self.tally.seen += entries.total - len(entries.folders)
        for kind, name in entries.left_out:
            where = printable(prefix + name)
            if self._is_read(prefix + name):
                self.tally.seen -= 1
            elif kind == BROKEN_LINK:
                self.problems.append(SourceProblem(where, "the link leads nowhere", missing=True, kind=kind))
            elif kind == UNREADABLE:  # it may be an image, which must not be pruned
                self.problems.append(SourceProblem(where, "the file cannot be read", kind=kind))
            else:
                self.tally.leave_out(kind, where)
        return entries.folders, entries.images

    def _is_read(self, uri: str) -> bool:
        """Return whether a file that is no image is read as a table, whose rows are counted instead."""
        return uri.rpartition("/")[2] in self.tables

    def _pass_over(self, folder: str, kind: str, reason: str | None = None) -> None:
        """Count a folder that is not entered as one entry; with a reason, it is a problem."""
        self.tally.seen += 1
        if reason is None:
            self.tally.leave_out(kind, printable(folder))
        else:
            self.problems.append(SourceProblem(printable(folder), reason, kind=kind))

    def _images_below(self, folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
        """Yield the uris of all images in a folder and below it: at each level images before folders, sorted by name.

        Links to folders are followed, but cycles of links are not. What cannot be read is a problem.

        Args:
            folder: uri of the folder; empty for the root itself.
            above: inodes of the folders above, to detect cycles.
        """
        prefix = f"{folder}/" if folder else ""
        try:
            current = inode(self.root / folder)
            if current in above:
                self._pass_over(folder, "links in a circle")
                return
            folders, images = self._list(folder)
        except OSError as error:
            self._pass_over(folder, "unreadable folders", f"the folder cannot be read: {error.strerror}")
            return
        for name in images:
            if is_text(prefix + name):
                yield prefix + name
            else:
                reason = "the file name is not valid Unicode; rename it"
                self.problems.append(SourceProblem(printable(prefix + name), reason, kind="names not in Unicode"))
        for name in folders:
            yield from self._images_below(prefix + name, above | {current})

    def _lies_there(self) -> str:
        """Return a sentence for an error on what lies where images were expected; empty if there is nothing."""
        return f" What lies there: {self.tally}." if self.tally.left_out else ""

    def _rows(self, table: InputTable) -> Iterator[TableRow]:
        """Yield the rows of a table and count its lines; rows that the table cannot use are problems."""
        unusable: list[SourceProblem] = []
        for row in table.rows(unusable):
            self._move_rows(unusable)
            self.tally.seen += 1
            yield row
        self._move_rows(unusable)
        for kind, n in table.skipped.items():
            self.tally.seen += n
            self.tally.leave_out(kind, table.path.name, n)

    def _move_rows(self, unusable: list[SourceProblem]) -> None:
        self.tally.seen += len(unusable)
        self.problems += unusable
        unusable.clear()


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


def folder_names(folder: Path) -> list[str]:
    """Return the names of the sub-folders of a folder that are not hidden, sorted.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not is_hidden(entry.name) and os.path.isdir(entry.path))  # noqa: PTH112
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}.") from None


def folder_name(folder: Path) -> str:
    """Return the last name of a folder, which ``.`` and ``..`` do not show; a link keeps its own."""
    return os.path.basename(os.path.abspath(folder))  # noqa: PTH100, PTH119


def is_text(name: str) -> bool:
    """Return whether a file name is valid Unicode, so that it can be stored and hashed."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


NO_IMAGE = "rows without an image"


def printable(name: str) -> str:
    """Return a file name as valid Unicode, with bytes that are not written as escapes."""
    return name.encode(errors="backslashreplace").decode()


def has_image(folder: Path, depth: int = 3) -> bool:
    """Return whether there is an image in the folder or up to ``depth`` levels below it."""
    return _has_image(str(folder), depth)


def _has_image(folder: str, depth: int) -> bool:
    """Search names before contents, and a folder before its sub-folders."""
    folders, others = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = entry_kind(entry)
                if kind == IMAGE:
                    return True
                if kind == FOLDER:
                    folders.append(entry.path)
                elif kind is None:
                    others.append(entry.path)
    except OSError:
        return False
    if any(content_kind(path) == IMAGE for path in others):
        return True
    return depth > 0 and any(_has_image(path, depth - 1) for path in folders)
