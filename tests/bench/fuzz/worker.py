"""A worker process: runs the cases that it is sent through the command line, and measures each."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.bench.fuzz.kinds import Command, Kind

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that no name may bring to a terminal; ``--json`` may hold them escaped."""

MIB = 1 << 20


class Run(NamedTuple):
    """One command: its exit status, seconds, the highest memory in MiB, and what was wrong with it."""

    words: tuple[str, ...]
    status: int
    seconds: float
    memory: float
    problem: str | None
    said: str


def work(pipe: Connection, kind: str, seed: int, room: str) -> None:
    """Make the world of a kind, then run cases until None is sent.

    Sends ``("ready", memory)`` after the seeds ran, ``("start", words)`` before each command, ``("done", runs)`` after
    each case.
    """
    from tests.bench.fuzz.kinds import KINDS

    world = Path(room) / "world"
    world.mkdir(parents=True)
    os.chdir(world)
    subject = KINDS[kind](world)
    normal = max(_run_clean(subject, Path(room)), default=0.0)
    pipe.send(("ready", normal))
    while (numbers := pipe.recv()) is not None:
        files = dict(subject.file(number, seed) for number in numbers)
        pipe.send(("done", run_case(subject, files, Path(room), pipe)))


def _run_clean(subject: Kind, room: Path) -> list[float]:
    """Run every seed; return the memory of each, in MiB."""
    names = list(subject.seeds)
    groups = [names] if subject.batch > 1 else [[name] for name in names]
    runs = []
    for group in groups:
        runs += run_case(subject, {f"seed.{name}": subject.seeds[name] for name in group}, room, None)
    wrong = [f"{' '.join(run.words)}: {run.problem or run.said}" for run in runs if run.problem or run.status]
    if wrong:
        raise RuntimeError(f"a file that nothing has damaged fails: {wrong[0]}")
    return [run.memory for run in runs]


def run_case(subject: Kind, files: dict[str, bytes], room: Path, pipe: Connection | None) -> list[Run]:
    """Write the files of a case, run its commands, and remove what they left."""
    place = room / "case"
    shutil.rmtree(place, ignore_errors=True)
    folder = place / "files" / "oak"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    runs = []
    for command in subject.commands([folder / name for name in files], place):
        if pipe is not None:
            pipe.send(("start", command.words))
        runs.append(run_command(command))
    shutil.rmtree(place, ignore_errors=True)
    return runs


def run_command(command: Command) -> Run:
    """Run a command line in this process and look at all that it says."""
    import cli

    out, err = io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, ["vitrine", *command.words]
    status: Any = 0
    escaped = None
    _forget_peak()
    start = time.monotonic()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException as error:  # noqa: BLE001 - what leaves main is what this looks for
        escaped = f"{type(error).__name__} left the command line: {str(error)[:200]}"
    finally:
        sys.argv = argv
    seconds = time.monotonic() - start
    problem = escaped or _problem(command, status, out.getvalue(), err.getvalue())
    return Run(command.words, status, seconds, _peak(), problem, (err.getvalue() + out.getvalue())[-600:])


def _problem(command: Command, status: Any, out: str, err: str) -> str | None:
    text = out + err
    if "Traceback" in text or "defect of Vitrine" in text:
        return "a traceback or a defect"
    if status not in (0, 1, 2, 3, 4):
        return f"exit status {status}"
    if RAW.search(text.replace("\r\n", "\n")):
        return f"a raw control character: {RAW.search(text)!r}"
    if status == 1 and not err.strip():
        return "exit status 1 without a word"
    return _wrong_report(command, out) if "--json" in command.words and status in (0, 3) else None


def _wrong_report(command: Command, out: str) -> str | None:
    try:
        report = json.loads(out)
    except ValueError as error:
        return f"no JSON: {error}"
    return command.check(report) if command.check else None


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # the peak then is that of the whole process
        return


def _peak() -> float:
    """Return the highest resident memory since :func:`_forget_peak`, in MiB; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0.0
