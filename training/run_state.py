"""What a run is and whether it goes on: ``run.json``, and a lock that its process holds.

A process that is killed releases the lock, so a run whose lock nobody holds is not running, whatever its file says.
A run begins with its first batch: what fails before leaves the folder as it was before the command. Ctrl-C leaves what
was made until then, such as decoded images, and the same command goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from retrieval.errors import InputError, VitrineError
from retrieval.files import write_atomically
from training.checkpoint import NOTES, ORIGIN, RECIPE, SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

RUN, LOCK = NOTES

REWRITTEN = (RUN, RECIPE, ORIGIN, SAMPLES)
"""Files of an earlier run in the folder that a command writes again before its first batch."""

RunEnd = Literal["finished", "interrupted", "failed"]


class RunOutcome(NamedTuple):
    """How a training ended; ``best_score`` is None without held-out samples."""

    interrupted: bool
    best_epoch: int
    best_score: float | None


@contextmanager
def running(out: Path, job: str, about: Mapping[str, Any] | None = None) -> Iterator[RunNote]:
    """Hold the lock of a run, and write at its end how it ended; undo what was made if it fails before its first batch.

    Of the processes of a distributed run the first one does so.

    Args:
        out: folder of the run, which need not exist yet.
        job: name of the job.
        about: what else is known of the run, such as its store and its space, as values of JSON.

    Yields:
        A note, which is told that the run has begun, and the outcome.

    Raises:
        InputError: another process trains in this folder.
    """
    note = RunNote(out, {"job": job, **(about or {}), "started": _now()})
    if os.environ.get("RANK", "0") != "0" or not _may_write(out):
        yield note  # where the folder holds something else, the job says so
        return
    before = _FolderBefore(out)
    out.mkdir(parents=True, exist_ok=True)
    with _held(out):
        try:
            note.begin()
            yield note
        except BaseException as error:
            with suppress(OSError, VitrineError):  # a full disk is told by the error itself
                if note.begun or isinstance(error, KeyboardInterrupt):
                    note.fail(error)
                else:
                    before.restore()
            raise
        note.end()


class RunNote:
    """Writes ``run.json``; ``begun`` says whether this command has come to a batch."""

    def __init__(self, out: Path, values: dict[str, Any]) -> None:
        self._path, self._values = out / RUN, values
        self._outcome: RunOutcome | None = None
        self.begun = False

    def set_begun(self) -> None:
        """Note that a batch is trained on."""
        self.begun = True

    def set_outcome(self, outcome: RunOutcome) -> None:
        """Take the outcome of the training."""
        self._outcome = outcome

    def begin(self) -> None:
        """Write that the run goes on."""
        self._write({"state": "running"})

    def end(self) -> None:
        """Write how the run ended."""
        outcome = self._outcome
        state: RunEnd = "interrupted" if outcome is not None and outcome.interrupted else "finished"
        best = {} if outcome is None else {"best_epoch": outcome.best_epoch, "best_score": outcome.best_score}
        self._write({"state": state, "ended": _now(), **best})

    def fail(self, error: BaseException) -> None:
        """Write what went wrong."""
        reason = str(error) if isinstance(error, VitrineError) else type(error).__name__
        state: RunEnd = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self._write({"state": state, "ended": _now(), "error": reason})

    def _write(self, more: Mapping[str, Any]) -> None:
        write_atomically(self._path, json.dumps({**self._values, **more}, indent=1) + "\n")


class _FolderBefore:
    """What is in a folder before a command writes there, and which of the folders above it exist."""

    def __init__(self, out: Path) -> None:
        self._absent = [folder for folder in (out, *out.parents) if not folder.exists()]
        self._out, self._names = out, {path.name for path in out.iterdir()} if out.is_dir() else set[str]()
        paths = [out / name for name in REWRITTEN if (out / name).is_file()]
        self._contents = {path: path.read_bytes() for path in paths}  # a damaged file stays as it is

    def restore(self) -> None:
        """Delete what is new, and write what was written again as it was."""
        for path in self._out.iterdir():
            if path.name not in self._names:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path, content in self._contents.items():
            if path.read_bytes() != content:
                write_atomically(path, content)
        for folder in self._absent:
            folder.rmdir()


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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
