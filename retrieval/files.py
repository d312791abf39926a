"""Write files atomically: readers see the old file or the complete new one."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def make_folder_of(path: Path, option: str) -> None:
    """Create the folder of an output file before the work whose result will be written.

    Args:
        path: the output file.
        option: the option that names it, for the message.

    Raises:
        InputError: the folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place for {option}.") from None


def check_picture(path: Path, suffixes: Sequence[str] = (".png",)) -> str:
    """Return the suffix of a picture's name, in small letters, which says how it is written.

    Raises:
        InputError: it is none of ``suffixes``.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        kinds = _either([name.removeprefix(".").upper() for name in suffixes])
        raise InputError(f"{path}: this picture is written as {kinds}; end its name in {_either(suffixes)}.")
    return suffix


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def check_new(path: Path, *, force: bool, option: str = "out") -> None:
    """Refuse to replace a file that exists unless the user said so.

    Args:
        path: the file.
        force: whether the user said so.
        option: the option that names it, for the message.

    Raises:
        InputError: ``path`` exists and ``force`` is False.
    """
    if path.exists() and not force:
        raise InputError(f"{path} exists; replace it with `force`, or choose another name for `{option}`.")


@contextmanager
def replacing(path: Path, *, shared: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; it is renamed to ``path`` if the block raises no exception.

    Args:
        path: the file to replace; missing folders are created.
        shared: whether other processes or threads may write the same file. If not, the temporary path is always the
            same, so that the file left by a killed process is overwritten.
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
    """Write UTF-8 text or bytes to a file, replacing an existing file atomically.

    Raises:
        InputError: the file cannot be written; ``remedy`` ends the message.
    """
    try:
        with replacing(path) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); {remedy}.") from None


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``out`` for a folder; it takes the place of ``out`` if no exception is raised."""
    part, old = out.with_name(f".{out.name}.part"), out.with_name(f".{out.name}.old")
    for leftover in (part, old):  # of a writer that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        yield part
        if out.exists():
            out.replace(old)
        part.replace(out)
    finally:
        if old.exists() and not out.exists():
            old.replace(out)
        for leftover in (part, old):
            shutil.rmtree(leftover, ignore_errors=True)
