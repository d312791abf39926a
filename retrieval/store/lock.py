"""The lock of the writer and the tags of readers, both locks of files (``flock``).

The operating system releases these locks when a process ends, also after ``kill -9``. On a file system without locks,
writing is refused, because two writers would roll each other back.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from retrieval.errors import ReadOnlyStoreError, StoreLockedError

POLL_SECONDS = 0.2


@contextmanager
def writer_lock(folder: Path, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the store's only writer.

    Args:
        folder: folder of the store.
        wait: longest time to wait for another writer, in seconds.
        say: receives a message that names the other writer, once.

    Raises:
        StoreLockedError: the lock is still held by another process after ``wait`` seconds.
        ReadOnlyStoreError: the folder cannot be written, or its file system has no locks.
    """
    path = folder / "lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ReadOnlyStoreError(f"{folder}: cannot be written ({error.strerror}); use a store you own.") from None
    try:
        _acquire(handle, path, wait, say)
        _write_holder(handle, json.dumps(_self_description()))
        try:
            yield
        finally:
            _write_holder(handle, "")
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _write_holder(handle: int, text: str) -> None:
    """Write a description of the holder into the lock file; on a full disk the lock is held without one."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0)


def _acquire(descriptor: int, path: Path, wait: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    announced = False
    while not _try_lock(descriptor, path, fcntl.LOCK_EX):
        holder = _describe_holder(path)
        if time.monotonic() >= deadline:
            raise StoreLockedError(f"{path.parent}: still being written by {holder}; wait for it, or stop it.")
        if not announced:
            say(f"{path.parent} is being written by {holder}; waiting up to {wait:.0f} s.")
            announced = True
        time.sleep(POLL_SECONDS)


def _try_lock(descriptor: int, path: Path, kind: int) -> bool:
    """Return whether a lock (``LOCK_EX`` or ``LOCK_SH``) was acquired without waiting."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise ReadOnlyStoreError(
            f"{path.parent}: its file system has no locks ({error.strerror}), so writing there is refused: two writers "
            "could undo each other. Keep the store on a local disk."
        ) from None
    return True


def _self_description() -> dict[str, str | int]:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": now}


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} ('{holder['command']}', since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


class ReaderTag:
    """A file with the versions of tables that a snapshot reads, locked while the snapshot is open.

    Clean-up does not delete the versions in :func:`live_tags`. In a store that cannot be written no tag is made, and
    none is needed, because it cannot be cleaned up either.

    Args:
        folder: folder of the store.
        versions: table -> version.
    """

    def __init__(self, folder: Path, versions: Mapping[str, int]) -> None:
        self._path = folder / "readers" / f"{uuid4().hex}.json"
        self._descriptor: int | None = None
        try:
            self._path.parent.mkdir(exist_ok=True)
            young = self._path.with_suffix(".young")  # renamed when it is locked; clean-up deletes unlocked tags
            descriptor = os.open(young, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        except OSError:
            return
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.write(descriptor, json.dumps(dict(versions)).encode())
            young.rename(self._path)
        self._descriptor = descriptor

    def close(self) -> None:
        """Delete the tag; may be called twice."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


def live_tags(folder: Path) -> dict[str, set[int]]:
    """Return the versions of each table that readers use; tags of readers that were killed are deleted."""
    versions: dict[str, set[int]] = {}
    for path in (folder / "readers").glob("*.json"):
        with suppress(OSError, ValueError), path.open("r+", encoding="utf-8") as handle:
            if _try_lock(handle.fileno(), path, fcntl.LOCK_EX):
                path.unlink()
                continue
            for table, version in json.loads(handle.read()).items():
                versions.setdefault(table, set()).add(int(version))
    return versions
