"""What a run is and whether it goes on: ``run.json``, and a lock that its process holds.

A process that is killed releases the lock, so a run whose lock nobody holds is not running, whatever its file says.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from retrieval.errors import InputError, VitrineError
from retrieval.files import write_atomically
from training.checkpoint import NOTES, RECIPE, STATE
from training.run_log import HISTORY

if TYPE_CHECKING:
    from pathlib import Path

RUN, LOCK = NOTES

RunEnd = Literal["finished", "interrupted", "failed"]


class RunOutcome(NamedTuple):
    """How a training ended; ``best_score`` is None without held-out samples."""

    interrupted: bool
    best_epoch: int
    best_score: float | None


@contextmanager
def running(out: Path, job: str, about: Mapping[str, Any] | None = None) -> Iterator[RunNote]:
    """Hold the lock of a run, and write at its end how it ended.

    Of the processes of a distributed run the first one does so.

    Args:
        out: folder of the run, which need not exist yet.
        job: name of the job.
        about: what else is known of the run, such as its store and its space, as values of JSON.

    Yields:
        A note, to which the outcome is given.

    Raises:
        InputError: another process trains in this folder.
    """
    note = RunNote(out, {"job": job, **(about or {}), "started": _now()})
    if os.environ.get("RANK", "0") != "0" or not _may_write(out):
        yield note  # where the folder holds something else, the job says so
        return
    out.mkdir(parents=True, exist_ok=True)
    with _held(out):
        note.begin()
        try:
            yield note
        except BaseException as error:
            note.fail(error)
            raise
        note.end()


class RunNote:
    """Writes ``run.json``."""

    def __init__(self, out: Path, values: dict[str, Any]) -> None:
        self._path, self._out, self._values = out / RUN, out, values
        self._before: bytes | None = None
        self._files: list[int] = []
        self._outcome: RunOutcome | None = None

    def set_outcome(self, outcome: RunOutcome) -> None:
        """Take the outcome of the training."""
        self._outcome = outcome

    def begin(self) -> None:
        """Write that the run goes on."""
        if self._path.is_file():
            self._before = self._path.read_bytes()  # a damaged one stays as it is
        self._files = _times(self._out)
        self._write({"state": "running"})

    def end(self) -> None:
        """Write how the run ended."""
        outcome = self._outcome
        state: RunEnd = "interrupted" if outcome is not None and outcome.interrupted else "finished"
        best = {} if outcome is None else {"best_epoch": outcome.best_epoch, "best_score": outcome.best_score}
        self._write({"state": state, "ended": _now(), **best})

    def fail(self, error: BaseException) -> None:
        """Write what went wrong; leave an earlier run as it was, and nothing of one that did not begin."""
        with suppress(OSError):  # a full disk is told by the error itself
            if self._before is not None and self._files == _times(self._out):
                write_atomically(self._path, self._before)
                return
            if not (self._out / RECIPE).is_file():
                for name in NOTES:
                    (self._out / name).unlink(missing_ok=True)
                self._out.rmdir()
                return
            reason = str(error) if isinstance(error, VitrineError) else type(error).__name__
            state: RunEnd = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            self._write({"state": state, "ended": _now(), "error": reason})

    def _write(self, more: Mapping[str, Any]) -> None:
        write_atomically(self._path, json.dumps({**self._values, **more}, indent=1) + "\n")


def is_running(out: Path) -> bool:
    """Return whether a process holds the lock of a run."""
    try:
        handle = os.open(out / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def _held(out: Path) -> Iterator[None]:
    handle = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"Another process trains in {out}; wait for it, or choose a new `out`.") from None
        except OSError:
            pass  # a file system without locks: the run is not shown as running
        yield
    finally:
        os.close(handle)


def _may_write(out: Path) -> bool:
    """Whether a folder is absent or empty, or holds a run."""
    if not out.exists():
        return True
    return out.is_dir() and ((out / RECIPE).is_file() or {path.name for path in out.iterdir()} <= {*NOTES})


def _times(out: Path) -> list[int]:
    """Times of the files that a training writes."""
    paths = (out / name for name in (RECIPE, STATE, HISTORY))
    return [path.stat().st_mtime_ns if path.is_file() else 0 for path in paths]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
