"""Members of tar files: listed in order, and read at their place without unpacking anything."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT_INDEXES = 8
"""Tar files whose members stay listed in memory; images are read nearly in order, so few are enough."""

_PADDING = 1 << 16
"""Bytes after the end mark of a tar file that are taken as padding without being looked at."""


class TarMember(NamedTuple):
    """A member: its name without ``./``, where its bytes are, and whether it is a regular file (not a link, ...)."""

    name: str
    offset: int
    size: int
    is_file: bool


class TarError(Exception):
    """A tar file is cut off or damaged; the message is the reason. ``member`` is the last that was listed."""

    def __init__(self, reason: str, member: str = "") -> None:
        super().__init__(reason)
        self.member = member


def tar_members(path: Path) -> Iterator[TarMember]:
    """Yield the members of an uncompressed tar file in order, without folders.

    A member whose bytes are cut off is not yielded.

    Raises:
        TarError: after the last member that is whole, if the file is damaged or cut off.
        OSError: the file cannot be read.
    """
    last, n = "", 0
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with tarfile.open(fileobj=file, mode="r:", errorlevel=0) as tar:
                while (info := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # the list of all of them is not needed
                    name = posixpath.normpath(info.name)
                    if info.isreg() and info.offset_data + info.size > size:
                        raise TarError("it is cut off in this member", name)
                    if not info.isdir():
                        last = name
                        n += 1
                        yield TarMember(name, info.offset_data, info.size, info.isreg() and not info.issparse())
                end = tar.offset
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise TarError(_reason(file, error), last) from None
        _check_end(file, end, size, last, n)


def _reason(file: BinaryIO, error: Exception) -> str:
    file.seek(0)
    if file.read(2) == b"\x1f\x8b":
        return "it is packed by gzip; unpack it with gunzip"
    text = str(error)
    if "unexpected end" in text or "empty" in text or "truncated" in text:
        return "it is cut off" if text != "empty file" else "it is empty"
    return f"it is no tar file ({text})" if text else "it is no tar file"


def _check_end(file: BinaryIO, end: int, size: int, last: str, n: int) -> None:
    """Check that a tar file ends where its ``n`` members end: ``tarfile`` takes any damage for the end.

    The end mark is two blocks of zeros. One of them is enough to tell that all members are there; a file without, as a
    few programs write it, looks like one that was cut off between two members.

    Raises:
        TarError: a header is damaged or cut off, the end mark is not there, or more follows it.
    """
    file.seek(end)
    block = file.read(tarfile.BLOCKSIZE)
    if not block:
        raise TarError(
            f"it ends without an end mark, so it may be cut off here, after {n:,} member{'s' * (n != 1)}; fetch it "
            "again, or if it is whole, append the mark with truncate -s +1024",
            last,
        )
    if block.strip(b"\0"):
        cut = len(block) < tarfile.BLOCKSIZE
        raise TarError("it is cut off after this member" if cut else "it is damaged after this member", last)
    if size - end > _PADDING:
        while chunk := file.read(1 << 20):
            if chunk.strip(b"\0"):
                raise TarError("more follows the end mark, as in tar files that were joined; unpack them first", last)


class TarSpan:
    """The bytes of one member, readable like a file; a context manager that closes the file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, n: int = -1) -> bytes:
        """Return the next ``n`` bytes, or all that are left."""
        data = self._file.read(self._left if n < 0 else min(n, self._left))
        self._left -= len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


_indexes: OrderedDict[tuple[str, int, int], dict[str, tuple[int, int]]] = OrderedDict()
_lock = Lock()


def open_tar_member(path: Path, member: str) -> TarSpan:
    """Open a member of a tar file; of several of one name the first.

    Raises:
        InputError: there is no such member. The message is the reason only.
        OSError: the file cannot be read.
    """
    place = _index(path).get(member)
    if place is None:
        raise InputError(f"{path.name} has no member '{member}'")
    file = path.open("rb")
    file.seek(place[0])
    return TarSpan(file, place[1])


def _index(path: Path) -> dict[str, tuple[int, int]]:
    """Return the places of all members of a tar file that are whole; listed once while the file stays the same."""
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns)
    with _lock:
        index = _indexes.get(key)
        if index is None:
            index = {}
            try:
                for name, offset, size, is_file in tar_members(path):
                    if is_file:
                        index.setdefault(name, (offset, size))
            except TarError:
                pass  # the source tells of it
            _indexes[key] = index
            while len(_indexes) > KEPT_INDEXES:
                _indexes.popitem(last=False)
        _indexes.move_to_end(key)
        return index
