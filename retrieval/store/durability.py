"""What a store needs to survive a power cut: files forced to the disk, and clean-up of files that were not.

Lance never calls ``fsync``. After a power cut a file may therefore be missing, empty or cut off, although the program
that wrote it went on. A commit is acknowledged only after its files and their folders were forced to the disk, so
that only files of changes that nobody was told of can be torn.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MAGIC = b"LANC"
"""Last bytes of every complete manifest and data file of Lance."""

TEMPORARY = ("*/.tmp*", "_versions/*#[0-9]*")
"""Names of files that Lance writes before it renames them, below the folder of a table."""

NEWEST_FIRST = 2**64 - 1
"""Lance names manifests by this number minus the version, so that the newest is listed first."""

HOUR = 3600.0

UNSUPPORTED = {errno.EINVAL, errno.EBADF, errno.ENOTSUP}
"""Errors of file systems that cannot force a folder to the disk."""


def sync_files(folder: Path, files: Iterable[str]) -> None:
    """Force files of a table, and the folders that name them, to the disk.

    Args:
        folder: the folder of the table.
        files: paths below it.

    Raises:
        OSError: a file is missing, or the disk failed.
    """
    paths = [folder / name for name in files]
    for path in [*paths, *sorted({path.parent for path in paths}), folder, folder.parent]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def is_torn(path: Path) -> bool:
    """Return whether a manifest or data file of Lance lacks its end; one wrong byte there is damage of another kind."""
    with path.open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(size - len(MAGIC), 0))
        end = handle.read()
    return sum(byte == right for byte, right in zip(end, MAGIC, strict=False)) < len(MAGIC) - 1


def drop_torn_manifests(folder: Path, newer_than: int = 0) -> None:
    """Delete the newest manifests of a table as long as they are torn.

    Manifests are renamed when they are complete, so that only a power cut leaves torn ones, and a version that was
    acknowledged is never one of them.

    Args:
        folder: the folder of the table.
        newer_than: the version that was acknowledged; it and older ones are kept, whatever their state.
    """
    for path in sorted((folder / "_versions").glob("*.manifest")):  # newest first
        with suppress(OSError, ValueError):
            if NEWEST_FIRST - int(path.stem) <= newer_than or not is_torn(path):
                return
            path.unlink()


def sweep_temporary(folder: Path, *, older_than: float) -> None:
    """Delete files that killed writers left below the folder of a table.

    Args:
        folder: the folder of the table.
        older_than: their least age in seconds; 0 where the caller holds the lock of all writers.
    """
    now = time.time()
    for pattern in TEMPORARY:
        for path in folder.glob(pattern):
            with suppress(OSError):
                if now - path.stat().st_mtime >= older_than:
                    path.unlink()
