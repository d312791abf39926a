"""``cli.py --help`` beside ``python -c "import click"``: median wall time of each, and the ratio."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print both and their ratio."""
    ours_too, click_too = [sys.executable, "cli.py", "--help"], [sys.executable, "-c", "import click"]
    pairs = [(_seconds(ours_too), _seconds(click_too)) for _ in range(15)]
    ours, click = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"cli.py --help {ours * 1000:.0f} ms, import click {click * 1000:.0f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
