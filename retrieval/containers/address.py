"""Addresses of members, and the readers of the two kinds of containers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

if TYPE_CHECKING:
    from retrieval.containers.tar import TarSpan

SEPARATOR = "::"

_ADDRESS = re.compile(rf"(.+?\.(?:tar|parquet|pq)){SEPARATOR}(.+)", re.IGNORECASE | re.DOTALL)


class MemberAddress(NamedTuple):
    """The container of an image, and the name of the image in it."""

    file: Path
    member: str


def member_address(path: Path) -> MemberAddress | None:
    """Return container and member that a path addresses; None for the path of a plain file."""
    text = str(path)
    if SEPARATOR not in text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None or os.path.lexists(path):
        return None
    return MemberAddress(Path(match[1]), match[2])


def containing_file(path: Path) -> Path:
    """Return the file on disk that holds an image: the container of a member, else the path itself.

    Its size and time of change stand for those of its members: if it changes, all of them are read again.
    """
    address = member_address(path)
    return path if address is None else address.file


def open_member(address: MemberAddress) -> BinaryIO | TarSpan:
    """Open a member for reading.

    Raises:
        InputError: the container cannot be read or lacks the member. The message is the reason only.
        OSError: the container does not exist or may not be read.
    """
    if address.file.suffix.lower() == ".tar":
        from retrieval.containers.tar import open_tar_member

        return open_tar_member(address.file, address.member)
    from retrieval.containers.parquet import open_parquet_member

    return cast("BinaryIO", open_parquet_member(address.file, address.member))
