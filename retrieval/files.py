"""Writes files atomically: a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def make_folder_of(path: Path, option: str) -> None:
    """Make the folder that a file is to be in, before the work of making the file.

    Raises:
        InputError: it cannot be made; the message names the option that named the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place for {option}.") from None


@contextmanager
def replacing(path: Path, *, shared: bool = True) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; the file there replaces ``path`` when the block ends without an error.

    Args:
        path: the file to replace; missing folders are made.
        shared: whether other processes or threads may write the same file. If not, the path given is always the same,
            so that what a killed process left is overwritten.
    """
    writer = f".{os.getpid()}-{threading.get_ident()}" if shared else ""
    part = path.with_name(f".{path.name}{writer}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_atomically(path: Path, content: str | bytes, remedy: str = "choose another place for `out`") -> None:
    """Write UTF-8 text or bytes to a file, replacing the file that is there in one step.

    Raises:
        InputError: the file cannot be written; ``remedy`` ends the message.
    """
    try:
        with replacing(path) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); {remedy}.") from None
