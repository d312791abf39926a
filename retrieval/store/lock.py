"""Who writes, and who reads: advisory file locks that vanish with the process that holds them.

A lock of the operating system (``flock``) needs no clean-up after ``kill -9``. Where the file system has none,
writing is refused: two writers would roll each other back.
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
from typing import IO
from uuid import uuid4

from retrieval.errors import ReadOnlyStoreError, StoreLockedError

POLL_SECONDS = 0.2


@contextmanager
def writer_lock(folder: Path, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the store's one writer lock, waiting up to ``wait`` seconds and saying once who holds it.

    Raises:
        StoreLockedError: it was still held after ``wait`` seconds.
        ReadOnlyStoreError: the folder cannot be written, or its file system knows no locks.
    """
    path = folder / "lock"
    try:
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ReadOnlyStoreError(f"{folder}: cannot be written ({error.strerror}); use a store you own.") from None
    with handle:
        _acquire(handle.fileno(), path, wait, say)
        _describe(handle, json.dumps(_self_description()))
        try:
            yield
        finally:
            _describe(handle, "")
            fcntl.flock(handle.fileno(), fcntl.LOCK_UN)


def _describe(handle: IO[str], text: str) -> None:
    """Write who holds the lock; on a full disk it is held all the same, only not described."""
    with suppress(OSError):
        handle.seek(0)
        handle.truncate()
        handle.write(text)
        handle.flush()


def _acquire(descriptor: int, path: Path, wait: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    said = False
    while not _try_lock(descriptor, path, fcntl.LOCK_EX):
        holder = _describe_holder(path)
        if time.monotonic() >= deadline:
            raise StoreLockedError(f"{path.parent}: still being written by {holder}; wait for it, or stop it.")
        if not said:
            say(f"{path.parent} is being written by {holder}; waiting up to {wait:.0f} s.")
            said = True
        time.sleep(POLL_SECONDS)


def _try_lock(descriptor: int, path: Path, kind: int) -> bool:
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
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} ('{who['command']}', since {who['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


class ReaderTag:
    """A small file, kept locked while a snapshot is open, that names the table versions it reads.

    Clean-up asks :func:`live_tags` and leaves those versions alone. On a store that cannot be written there is
    no tag, and nothing to protect from either: nobody cleans up there through this path.
    """

    def __init__(self, folder: Path, versions: Mapping[str, int]) -> None:
        self._path = folder / "readers" / f"{uuid4().hex}.json"
        self._descriptor: int | None = None
        try:
            self._path.parent.mkdir(exist_ok=True)
            young = self._path.with_suffix(".young")  # locked before it is seen, so nobody takes it for a dead one
            descriptor = os.open(young, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        except OSError:
            return
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.write(descriptor, json.dumps(dict(versions)).encode())
            young.rename(self._path)
        self._descriptor = descriptor

    def close(self) -> None:
        """Remove the tag; safe to call twice."""
        if self._descriptor is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


def live_tags(folder: Path) -> dict[str, set[int]]:
    """Versions per table that living readers have open; tags left by the dead are removed."""
    held: dict[str, set[int]] = {}
    for path in (folder / "readers").glob("*.json"):
        with suppress(OSError, ValueError), path.open("r+", encoding="utf-8") as handle:
            if _try_lock(handle.fileno(), path, fcntl.LOCK_EX):
                path.unlink()
                continue
            for table, version in json.loads(handle.read()).items():
                held.setdefault(table, set()).add(int(version))
    return held
