"""Commands in processes of their own that start at once: each is forked from a process that has imported everything.

For tests that kill a command, send it a signal or look at its store while it runs: an import of torch and LanceDB costs
more than what they test. The process forks before any thread pool has run (a fork after that hangs), and runs one
command at a time.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.command_line import ROOT

IMPORTED = "tests.support.imported"
"""Imports what most commands need."""

MODULES = "WARM_START_MODULES"
"""Variable of the environment that names the modules to import."""


class Running:
    """A command that was started: its process, its exit status and what it has said."""

    def __init__(self, server: subprocess.Popen[bytes], pid: int, output: Path) -> None:
        self.pid = pid
        self.output = output
        self._server = server
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or None while the process runs."""
        return self._result(0)

    def wait(self, seconds: float) -> int:
        """Wait for the end of the process; the exit status."""
        status = self._result(seconds)
        assert status is not None, f"still running after {seconds} s: {self.said()}"
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def said(self) -> str:
        """What the command has printed, errors too."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def _result(self, seconds: float) -> int | None:
        stdout = self._server.stdout
        assert stdout is not None
        if self._status is None and select.select([stdout], [], [], seconds)[0]:
            self._status = int(stdout.readline())
        return self._status


class WarmStart:
    """Starts commands of the command line."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        self._server = server

    def __call__(self, *args: str | Path, output: Path) -> Running:
        """Start ``vitrine ...`` in the current folder; ``output`` is a file for what it prints."""
        stdin, stdout = self._server.stdin, self._server.stdout
        assert stdin is not None
        assert stdout is not None
        asked = {"words": [*map(str, args)], "folder": os.getcwd(), "output": str(output.absolute())}  # noqa: PTH109
        stdin.write(json.dumps(asked).encode() + b"\n")
        return Running(self._server, int(stdout.readline()), output)


@contextmanager
def warm_start(before: Sequence[str] = (), modules: Sequence[str] = (IMPORTED,)) -> Iterator[WarmStart]:
    """A process that starts commands, run by the words ``before`` (``setpriv ...``); all of it ends with the block.

    ``modules`` are imported first; those of a command without torch take a fifth of the time of all.
    """
    words = [*before, sys.executable, "-m", __spec__.name]
    env = {**os.environ, "OMP_NUM_THREADS": "1", MODULES: ",".join(modules)}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, cwd=ROOT, env=env, bufsize=0) as server:
        try:
            yield WarmStart(server)
        finally:
            server.kill()


def _serve() -> None:
    """Start one command after another; the loop ends in the process of a command, which goes on alone."""
    for module in os.environ[MODULES].split(","):
        importlib.import_module(module)
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        with warnings.catch_warnings(action="ignore"):  # of Lance and LanceDB, about forks
            pid = os.fork()
        if not pid:
            os.chdir(asked["folder"])
            output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for number in (1, 2):
                os.dup2(output, number)
            sys.argv = [str(ROOT / "cli.py"), *asked["words"]]
            return
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
    if len(sys.argv) > 1:
        import cli

        cli.main()
