"""Training of adapters on 100,000 stored vectors of 512 dimensions beside scikit-learn's logistic regression.

169 classes with a text each. The matrices of RLA and ProLIP (whose view ``preproj`` has the 768 dimensions of a
ViT-B/16), and the heads GDA, LP++ and CLAP, at the settings of the recipes that ship, and the product that refreshes a
space; each in a process of its own. ``python -m tests.bench.bench_adapter [ROWS [METHOD ...]]`` prints for each:

- seconds of processor time (user and system, of all threads) and of a clock, without those in which data are drawn;
- the ratio of processor time to one logistic regression (the scorer ``linear``) of the same vectors;
- the largest resident memory while it runs, and what was resident before: Python, torch and the vectors.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.scorers.linear import LinearOptions, fit_linear
from retrieval.encoders.adapter import adapted_vectors
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from tests.support.adapter_tasks import before_projection, recipe, text_bank, training_data
from training.jobs.adapter import JOB
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.training_data import TrainingData

ROWS, DIMENSION, CLASSES = 100_000, 512, 169
UNIT, REFRESH = "logistic", "refresh"
METHODS = (UNIT, "rla", "prolip", "gda", "lp++", "clap", REFRESH)
MIB = 1 << 20


class Cost(NamedTuple):
    """Processor and wall seconds, and the largest resident memory, in MiB, before and during a task."""

    processor: float
    wall: float
    before: float
    largest: float


def main(rows: int = ROWS, methods: tuple[str, ...] = METHODS) -> None:
    """Print a line per method."""
    unit = float("nan")
    print(f"{rows:,} vectors\n| | processor seconds | seconds | of logistic | MiB before | MiB at most |")
    print("|---|---:|---:|---:|---:|---:|")
    for method in methods:
        cost = _process(rows, method)
        unit = cost.processor if method == UNIT else unit
        cells = (f"{cost.processor:.1f}", f"{cost.wall:.1f}", f"{cost.processor / unit:.2f}", f"{cost.before:.0f}",
                 f"{cost.largest:.0f}")  # fmt: skip
        print(f"| {method} | {' | '.join(cells)} |", flush=True)


def _process(rows: int, method: str) -> Cost:
    """Run a method in a process of its own."""
    words = [sys.executable, "-m", "tests.bench.bench_adapter", str(rows), "--one", method]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(*map(float, done.stdout.split()[-4:]))


def one(rows: int, method: str) -> None:
    """Run a method in this process, and print its cost."""
    data = _data(rows)
    if method == "prolip":
        encoder = load(resolve(EncoderRequest("open_clip/ViT-B-16", random_init=0, device="cpu")), "cpu")
        data = before_projection(data, encoder)
    vectors = data.vectors["base"].vectors
    with tempfile.TemporaryDirectory() as place:
        if method == UNIT:
            cost = _cost(lambda: fit_linear(vectors, data.target, 100.0, LinearOptions()))
        elif method == REFRESH:
            cost = _cost(lambda: adapted_vectors(vectors, np.eye(DIMENSION, dtype=np.float32)))
        else:
            made, out = recipe(method=method), Path(place) / "run"
            cost = _cost(lambda: JOB.run(made, data, out, RunSettings("cpu", True)))
        print(*cost)


def _data(rows: int) -> TrainingData:
    rng = np.random.default_rng(0)
    names = tuple(f"class {code:03}" for code in range(CLASSES))
    centres = _unit(rng.standard_normal((CLASSES, DIMENSION), dtype=np.float32))
    labels = rng.integers(0, CLASSES, rows).astype(np.int64)
    vectors = _unit(rng.standard_normal((rows, DIMENSION), dtype=np.float32))
    for code in range(CLASSES):
        vectors[labels == code] += 0.16 * centres[code]
    vectors = _unit(vectors)
    texts = _unit(centres + 0.5 * _unit(rng.standard_normal(centres.shape, dtype=np.float32)))
    return training_data(vectors, labels, np.full(rows, "train"), (text_bank(texts, names=names),), names)


def _cost(act: Callable[[], Any]) -> Cost:
    """Measure a task. The kernel's record of the largest resident memory is set back before it."""
    Path("/proc/self/clear_refs").write_text("5")
    memory, before, start = _largest(), os.times(), time.perf_counter()
    act()
    after, wall = os.times(), time.perf_counter() - start
    spent = after.user + after.system - before.user - before.system
    return Cost(spent, wall, memory, _largest())


def _largest() -> float:
    """Largest resident memory since it was set back, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MIB


def _unit(rows: Any) -> Any:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    if "--one" in sys.argv:
        one(count, sys.argv[-1])
    else:
        main(count, tuple(sys.argv[2:]) or METHODS)
