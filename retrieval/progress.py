"""Show the progress of long computations: a bar in a terminal, lines in a log, nothing if ``quiet``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from retrieval.console import plain_console
from retrieval.escapes import printable

LINE_SECONDS = 15.0


class Progress(Protocol):
    """Counts completed pieces of work; ``state`` is shown beside the count, such as the loss of a training."""

    def advance(self, n: int = 1, state: str = "") -> None: ...


class _SilentProgress:
    """Shows nothing."""

    def advance(self, n: int = 1, state: str = "") -> None:
        """Ignore the count."""


class _LineProgress:
    """Prints a line at most every :data:`LINE_SECONDS`."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._start = self._last_line = time.monotonic()

    def advance(self, n: int = 1, state: str = "") -> None:
        self._done += n
        now = time.monotonic()
        if now - self._last_line >= LINE_SECONDS:
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / rate
            line = f"{self._what}: {self._done:,} of {self._total:,}, {rate:.1f}/s, {left:.0f} s left"
            line += f", {state}" if state else ""
            print(printable(line), file=sys.stderr)  # noqa: T201
            self._last_line = now


class _BarProgress:
    """Advances a progress bar of rich."""

    def __init__(self, advance: Callable[[int, str], None]) -> None:
        self._advance = advance

    def advance(self, n: int = 1, state: str = "") -> None:
        self._advance(n, state)


@contextmanager
def progress(what: str, total: int, *, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on standard error.

    Args:
        what: name of the computation.
        total: number of pieces of work.
        quiet: show nothing.
    """
    if quiet:
        yield _SilentProgress()
    elif not sys.stderr.isatty():
        yield _LineProgress(what, total)
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}", markup=False),
        )
        with RichProgress(*columns, console=plain_console(stderr=True)) as bars:
            task = bars.add_task(what, total=total, rate="", state="")

            def advance(n: int, state: str) -> None:
                speed = bars.tasks[0].speed
                bars.update(task, advance=n, rate=f"{speed:.1f}/s" if speed else "", state=printable(state))

            yield _BarProgress(advance)
