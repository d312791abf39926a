"""Times of whole commands of two checkouts, side by side."""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.golden.recording import environment

REPEATS = 5

DRAWN = {
    "species": "sample species --out {data}/species --species 20 --size 96",
    "hands": "sample hands --out {data}/hands --n 16 --size 96",
    "drains": "sample drains --out {data}/drains --n 24 --size 128",
}
"""The sample world of ``make demo``, smaller."""

INDEXED = (
    "index {data}/species/manifest.csv --store {store}",
    "index {data}/species/heldout.csv --column split=support --store {store}",
    "index {data}/hands --store {store}",
    "index {data}/drains/sites.csv --column label= --store {store}",
)
"""Every checkout fills its own store."""

TIMED = (
    "--help",
    "info --store {store}",
    "search --id Hands/Hand_0000001.jpg --store {store}",
    "eval --mode prototype --store {store}",
    "eval --mode reid --protocol clipfh-11k --aspect all --store {store}",
)


def times(first: Path, second: Path) -> None:
    """Print the median of five runs of each command, the checkouts in turn, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        for text in DRAWN.values():
            _seconds(first, text.format(data=data))
        stores = {checkout: Path(name) / f"store{number}" for number, checkout in enumerate((first, second))}
        for checkout, store in stores.items():
            for text in INDEXED:
                _seconds(checkout, text.format(data=data, store=store))
        print(f"A {first}\nB {second}\n{'seconds, median of 5':60} {'A':>7} {'B':>7} {'B / A':>6}", flush=True)
        for text in TIMED:
            taken: dict[Path, list[float]] = {first: [], second: []}
            for turn in range(REPEATS + 1):
                for checkout, store in stores.items():
                    seconds = _seconds(checkout, text.format(store=store))
                    if turn:  # the first run of each fills caches of the file system
                        taken[checkout].append(seconds)
            a, b = (statistics.median(taken[checkout]) for checkout in (first, second))
            print(f"{text.partition(' --store')[0]:60} {a:7.3f} {b:7.3f} {b / a:6.2f}", flush=True)


def _seconds(checkout: Path, text: str) -> float:
    """Wall time of ``python cli.py ...`` in a checkout."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "cli.py", *shlex.split(text)],
        cwd=checkout, env=environment(checkout), capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{checkout}: {text}: exit {done.returncode}: {done.stderr[:300]}")
    return seconds
