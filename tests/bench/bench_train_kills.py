"""``kill -9`` of trainings at 30 random moments, and whether they end with the bits of one that was not killed.

A kill is before a random step, after a random time, or while a file of the run is written. Each run is killed up to
three times, then goes on to its end. ``python -m tests.bench.bench_train_kills [KILLS]``.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.train_kills import MODULES, STEPS, RunUnderTest, same_runs
from tests.support.vector_store import make_vector_store
from tests.support.warm_start import warm_start

KILLS, KILLS_PER_RUN = 30, 3


def main(most: int = KILLS) -> None:
    """Kill, resume, compare, and print a line per run."""
    rng, kills, runs, different = random.Random(0), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, warm_start(modules=MODULES) as start:
        place = Path(folder)
        store = make_vector_store(place)
        whole = RunUnderTest(start, store, place / "whole")
        started = time.monotonic()
        if whole.train() != 0:
            raise SystemExit(whole.said())
        seconds = time.monotonic() - started
        while kills < most:
            run = RunUnderTest(start, store, place / str(runs))
            told = list(_kills(run, rng, seconds))
            if run.train() != 0:
                raise SystemExit(run.said())
            differences = same_runs(whole.out, run.out)
            kills, runs, different = kills + len(told), runs + 1, different + bool(differences)
            print(f"run {runs}: {'; '.join(told) or 'no kill'}; differs in {', '.join(differences) or 'nothing'}")
    print(f"{kills} kills in {runs} runs; {runs - different} of {runs} ended bit for bit as the one without")


def _kills(run: RunUnderTest, rng: random.Random, seconds: float) -> Iterator[str]:
    """Kill a run up to three times, and say when; it may have ended before."""
    for _ in range(KILLS_PER_RUN):
        kind = rng.choice(("step", "time", "file", "file"))
        if kind == "step":
            step = rng.randrange(STEPS)
            status, when = run.train(signal_at=(step, signal.SIGKILL)), f"before step {step}"
        elif kind == "time":
            wait = rng.uniform(0.3, 1.0) * seconds
            run.begin()
            time.sleep(wait)
            status, when = run.kill(), f"after {wait:.2f} s"
        else:
            status, when = _kill_while_writing(run, rng.randrange(12)), "while a file was written"
        if status == 0:  # it was past this already
            return
        yield when


def _kill_while_writing(run: RunUnderTest, left_alone: int) -> int:
    """Kill a run when a temporary file appears in its folder, after so many that are left alone."""
    running, seen = run.begin(), set[tuple[str, int]]()
    while running.poll() is None and len(seen) <= left_alone:
        for part in run.out.glob(".*.part"):
            with suppress(OSError):
                seen.add((part.name, part.stat().st_ino))
    return run.kill()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
