"""Follows the history of a run that goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training.run_state import is_running
from training.runs.run_folders import read_history, read_run

POLL_SECONDS = 0.5


def follow_history(path: Path, poll: float = POLL_SECONDS) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a run's history, those that are written meanwhile too, until its process ends.

    Raises:
        MissingFileError: there is no such folder.
        InputError: it holds no run, or its history is damaged.
    """
    read_run(path)  # tells what is no run
    shown = 0
    while True:
        goes_on = is_running(path)  # before reading, so that no last line is missed
        history = read_history(path)
        yield from history[shown:]
        shown = max(shown, len(history))
        if not goes_on:
            return
        time.sleep(poll)


def history_text(line: Mapping[str, Any]) -> str:
    """Write a line of a history as one line of text."""
    return "  ".join(f"{name} {f'{value:.4g}' if isinstance(value, float) else value}" for name, value in line.items())
