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
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
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
    words = [word for word in sys.argv[1:3] if not word.startswith("-")]  # an option may name a person
    command = " ".join([Path(sys.argv[0]).name, *words])
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": now}


def _describe_holder(path: Path) -> str:
    try:
        return _describe(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _describe(holder: Mapping[str, Any]) -> str:
    return f"process {holder['pid']} on {holder['host']} ('{holder['command']}', since {holder['since']})"


class ReaderTag:
    """A file with the reader and the versions of tables that a snapshot reads, locked while the snapshot is open.

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
            reader = {**_self_description(), "command": " ".join(Path(word).name for word in sys.argv[:2])}
            os.write(descriptor, json.dumps({"tables": dict(versions), "reader": reader}).encode())
            young.rename(self._path)
        self._descriptor = descriptor

    def close(self) -> None:
        """Delete the tag; may be called twice."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


class LiveReader(NamedTuple):
    """A snapshot that is open: versions of tables that it reads, and the process."""

    tables: Mapping[str, int]
    process: str


def live_readers(folder: Path) -> list[LiveReader]:
    """Return the open snapshots of a store; tags of readers that were killed are deleted."""
    readers: list[LiveReader] = []
    for path in (folder / "readers").glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError), path.open("r+", encoding="utf-8") as handle:
            if _try_lock(handle.fileno(), path, fcntl.LOCK_EX):
                path.unlink()
                continue
            tag = json.loads(handle.read())
            readers.append(LiveReader(tag["tables"], _describe(tag["reader"])))
    return readers


def live_tags(folder: Path) -> dict[str, set[int]]:
    """Return the versions of each table that readers use."""
    versions: dict[str, set[int]] = {}
    for reader in live_readers(folder):
        for table, version in reader.tables.items():
            versions.setdefault(table, set()).add(int(version))
    return versions


def wait_for_readers(folder: Path, versions: Mapping[str, int], wait: float, say: Callable[[str], None]) -> list[str]:
    """Wait until no open snapshot reads other versions of tables than these.

    Args:
        folder: folder of the store.
        versions: table -> version of the last commit.
        wait: longest time to wait, in seconds.
        say: receives a message that names the readers, once.

    Returns:
        The processes that still read others after ``wait`` seconds.
    """
    deadline = time.monotonic() + wait
    announced = False
    while True:
        readers = live_readers(folder)
        old = [reader for reader in readers if any(versions.get(t) != v for t, v in reader.tables.items())]
        processes = list(dict.fromkeys(reader.process for reader in old))
        if not old or time.monotonic() >= deadline:
            return processes
        if not announced:
            say(f"{folder} is read by {'; '.join(processes)}; waiting up to {wait:.0f} s.")
            announced = True
        time.sleep(POLL_SECONDS)


RECORDS_LOCK = "records.lock"
"""File whose lock those share who read banks, split sets and results, or append to them."""


class _Alone(threading.local):
    """Folders of stores whose :data:`RECORDS_LOCK` this thread holds alone."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()


_ALONE = _Alone()


@contextmanager
def records_shared(folder: Path) -> Iterator[None]:
    """Share a lock while banks, split sets or results are read or appended, which needs no other lock.

    Where the file cannot be written or locked, nothing is locked.
    """
    if folder in _ALONE.folders:
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):
            handle = stack.enter_context((folder / RECORDS_LOCK).open("a"))
            fcntl.flock(handle.fileno(), fcntl.LOCK_SH)
        yield


@contextmanager
def records_alone(folder: Path) -> Iterator[None]:
    """Wait until nobody reads or appends records, and keep others from it; for the holder of the writer's lock."""
    with (folder / RECORDS_LOCK).open("a") as handle:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX)
        _ALONE.folders.add(folder)
        try:
            yield
        finally:
            _ALONE.folders.discard(folder)
