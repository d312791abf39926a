"""Writes folders of drawn images atomically, in several processes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

MARK = "sample.json"
"""File with the arguments that a folder was drawn with, written last."""

_WORTH_A_POOL = 120  # images: below, starting processes takes longer than drawing

Job = TypeVar("Job")


def is_drawn(out: Path, arguments: Mapping[str, Any]) -> bool:
    """Whether ``out`` was already drawn with these arguments.

    Raises:
        FileExistsError: it holds something else, or was drawn with other arguments.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    mark = out / MARK
    if not mark.is_file():
        raise FileExistsError(f"{out} is not empty and holds something else; choose a new folder.")
    if mark.read_text(encoding="utf-8") != _mark(arguments):
        raise FileExistsError(f"{out} was drawn with other arguments (see its {MARK}); choose a new folder.")
    return True


@contextmanager
def atomic_folder(out: Path, arguments: Mapping[str, Any]) -> Iterator[Path]:
    """Yield a folder to write into, which is renamed to ``out`` at the end, or deleted if an exception is raised.

    ``out`` is absent or empty: call :func:`is_drawn` first.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        inside = part / out.name  # mkdir gives it the usual permissions, mkdtemp does not
        inside.mkdir()
        yield inside
        (inside / MARK).write_text(_mark(arguments), encoding="utf-8")
        if out.exists():
            out.rmdir()
        inside.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def run_jobs(draw: Callable[[Job], None], jobs: Sequence[Job], images: int, workers: int | None) -> None:
    """Call ``draw`` on every job, in ``workers`` processes (default: one per core) if there are many images."""
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    if workers <= 1 or images < _WORTH_A_POOL:
        for job in jobs:
            draw(job)
        return
    # Spawned, not forked: the caller may have threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(draw, jobs):
            pass


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _mark(arguments: Mapping[str, Any]) -> str:
    return json.dumps(dict(arguments)) + "\n"
