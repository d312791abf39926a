"""The command line as a subprocess."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

SMALL_ENCODER = ("--encoder", "torchvision/resnet18", "--random-init", "0", "--preprocess", "resize=32,crop=32")
"""A real encoder that is quick at 32 pixels."""


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


def cli_json(*args: str | Path) -> Any:
    """Run a command with ``--json`` and read what it prints."""
    return json.loads(run_cli(*args, "--json").stdout)
