"""The command line, in a process of its own or in this one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

SMALL_ENCODER = (
    "--encoder",
    "torchvision/shufflenet_v2_x0_5",
    "--random-init",
    "0",
    "--preprocess",
    "resize=32,crop=32",
)
"""A real encoder that is quick to build, and quick at 32 pixels."""


def run_cli(
    *args: str | Path, env: dict[str, str] | None = None, check: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``python cli.py ...`` in a process of its own; ``check`` is the exit status it must have."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        cwd=ROOT,
        check=False,
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    return done


def call_cli(*args: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which imports nothing twice; ``check`` is the exit status it must have.

    For tests of what a command says and writes. What hangs on the process itself (signals, imports, a terminal) is
    tested with :func:`run_cli`.
    """
    import cli

    words, out, err = [str(ROOT / "cli.py"), *map(str, args)], io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, words
    status: Any = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    finally:
        sys.argv = argv
    if check is not None:
        assert status == check, f"exit {status}\n{out.getvalue()}\n{err.getvalue()}"
    assert "Traceback" not in err.getvalue()
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def call_json(*args: str | Path) -> Any:
    """Run a command with ``--json`` in this process and read what it prints."""
    return json.loads(call_cli(*args, "--json").stdout)


def cli_json(*args: str | Path) -> Any:
    """Run a command with ``--json`` and read what it prints."""
    return json.loads(run_cli(*args, "--json").stdout)
