"""Thirty kills of ``refresh``: the old space answers as before each time, and the next run finishes.

``python -m tests.bench.bench_refresh [KILLS]``. What is checked after every kill is in ``tests/support/refresh_kills``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.refresh_kills import MODULES, kill_refreshes
from tests.support.trained_runs import drawn_store
from tests.support.warm_start import warm_start

IMAGES, KILLS = 240, 30


def main(kills: int = KILLS) -> None:
    """Print the number of kills, if all that must hold held after each."""
    with tempfile.TemporaryDirectory() as name, warm_start(modules=MODULES) as start:
        parent = drawn_store(Path(name), IMAGES)
        killed = kill_refreshes(start, Path(name), parent, kills)
    print(f"{killed} kills of refresh: the old space as before after each, the new one as of a run without kills")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
