"""Watch worker processes: a hang or a crash is reported with its files, and a new process goes on."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from tests.bench.fuzz.worker import MIB, Run, work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

HANG_SECONDS = 30.0
MOST_MEMORY = 1024.0
"""MiB above what undamaged files of the kind need."""

SETUP_SECONDS = 600.0
CASES_PER_PROCESS = 150


@dataclass(frozen=True)
class Finding:
    """A case that is wrong: the numbers of its files, the command and what is wrong."""

    kind: str
    numbers: tuple[int, ...]
    words: tuple[str, ...]
    problem: str
    said: str = ""


@dataclass
class Tally:
    """Figures of a kind."""

    kind: str
    files: int = 0
    normal: float = 0.0
    memory: float = 0.0
    slowest: float = 0.0
    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, runs: list[Run], normal: float) -> None:
        """Count the runs of a case."""
        for run in runs:
            self.statuses[run.status] = self.statuses.get(run.status, 0) + 1
            self.slowest = max(self.slowest, run.seconds)
            self.memory = max(self.memory, run.memory - normal)
        self.normal = max(self.normal, normal)


def fuzz(
    kind: str, files: int, seed: int, room: Path, *, processes: int = 1, first: int = 0, hang: float = HANG_SECONDS
) -> Tally:
    """Run files of a kind, ``first`` the number of the first; batches that fail are run again file by file.

    Args:
        kind: name of the kind.
        files: number of files.
        seed: seed of the mutations.
        room: folder for the workers.
        processes: number of workers.
        first: number of the first file.
        hang: seconds after which a command hangs.
    """
    from tests.bench.fuzz.kinds import KINDS

    tally, queue = Tally(kind, files), SimpleQueue[tuple[int, ...]]()
    start, size = time.monotonic(), KINDS[kind].batch
    for at in range(first, first + files, size):
        queue.put(tuple(range(at, min(at + size, first + files))))
    watchers = [_Watcher(tally, queue, seed, room / f"{kind}-{at}", hang) for at in range(processes)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
        if watcher.error is not None:
            raise watcher.error
    tally.seconds = time.monotonic() - start
    return tally


class _Watcher(Thread):
    """Feeds one worker process after another from the queue."""

    def __init__(self, tally: Tally, queue: SimpleQueue[tuple[int, ...]], seed: int, room: Path, hang: float) -> None:
        super().__init__()
        self.error: Exception | None = None
        self._tally, self._queue, self._seed, self._room, self._hang = tally, queue, seed, room, hang

    def run(self) -> None:
        try:
            while not self._queue.empty():
                self._one_process()
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error

    def _one_process(self) -> None:
        """Start a worker and feed it until the queue is empty, it is used up, or it has to be ended."""
        shutil.rmtree(self._room, ignore_errors=True)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.support.imported"])
        pipe, inner = context.Pipe()
        process = context.Process(target=work, args=(inner, self._tally.kind, self._seed, str(self._room)), daemon=True)
        process.start()
        inner.close()
        try:
            self._feed(pipe, process.pid or 0)
        finally:
            process.kill()
            process.join()
            shutil.rmtree(self._room, ignore_errors=True)

    def _feed(self, pipe: Connection, pid: int) -> None:
        said = _receive(pipe, pid, SETUP_SECONDS, float("inf"))
        if isinstance(said, str):
            raise RuntimeError(  # noqa: TRY004 - no fault of a type: the text says why there is no message
                f"the world of {self._tally.kind} cannot be made: {said}"
            )
        normal = said[1]
        for _ in range(CASES_PER_PROCESS):
            try:
                numbers = self._queue.get_nowait()
            except Empty:
                return
            pipe.send(numbers)
            words: tuple[str, ...] = ()
            while True:
                said = _receive(pipe, pid, self._hang, normal + 3 * MOST_MEMORY)
                if isinstance(said, str):
                    self._report(numbers, words, said)
                    return
                if said[0] == "done":
                    break
                words = said[1]
            self._tally.add(said[1], normal)
            for run in said[1]:
                problem = run.problem
                if run.memory > normal + MOST_MEMORY:
                    problem = f"{run.memory - normal:,.0f} MiB above normal"
                if problem:
                    self._report(numbers, run.words, problem, run.said)

    def _report(self, numbers: tuple[int, ...], words: tuple[str, ...], problem: str, said: str = "") -> None:
        """Keep a finding; the files of a batch are run again one by one, to find which it is."""
        if len(numbers) > 1:
            for number in numbers:
                self._queue.put((number,))
        else:
            self._tally.findings.append(Finding(self._tally.kind, numbers, words, problem, said))


def _receive(pipe: Connection, pid: int, seconds: float, memory: float) -> Any:
    """Receive a message of a worker; text says why none came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if pipe.poll(0.2):
                return pipe.recv()
        except (EOFError, ConnectionError):
            return "the process crashed"
        if _resident(pid) > memory:
            return f"more than {memory:,.0f} MiB of memory"
    return f"hangs for more than {seconds:.0f} s"


def _resident(pid: int) -> float:
    """Resident memory of a process in MiB; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB
