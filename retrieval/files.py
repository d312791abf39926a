"""Writing files that are whole or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from retrieval.errors import InputError

if TYPE_CHECKING:
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


def write_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text beside ``path`` first, then put it in its place.

    Raises:
        InputError: the file cannot be written there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place for `out`.") from None
