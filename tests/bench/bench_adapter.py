"""Training of adapters on 100,000 stored vectors of 512 dimensions beside scikit-learn's logistic regression.

169 classes with a text each. The matrix of RLA, and the heads GDA, LP++ and CLAP, at the settings of the recipes that
ship, and the product that refreshes a space; each in seconds of processor time and as a ratio to one logistic
regression (the scorer ``linear``) of the same vectors.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.scorers.linear import LinearOptions, fit_linear
from retrieval.encoders.adapter import adapted_vectors, read_adapter
from tests.support.adapter_tasks import recipe, text_bank, training_data
from training.jobs.adapter import JOB
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, DIMENSION, CLASSES = 100_000, 512, 169
METHODS = ("rla", "gda", "lp++", "clap")


def main(rows: int = ROWS) -> None:
    """Print a line per method."""
    rng = np.random.default_rng(0)
    names = tuple(f"class {code:03}" for code in range(CLASSES))
    centres = _unit(rng.standard_normal((CLASSES, DIMENSION)))
    labels = rng.integers(0, CLASSES, rows).astype(np.int64)
    vectors = _unit(0.16 * centres[labels] + _unit(rng.standard_normal((rows, DIMENSION))))
    bank = text_bank(_unit(centres + 0.5 * _unit(rng.standard_normal(centres.shape))), names=names)
    data = training_data(vectors, labels, np.full(rows, "train"), (bank,), names)
    unit = _seconds(lambda: fit_linear(vectors, labels, 100.0, LinearOptions()))
    print(f"logistic regression: {unit:.1f} s of processor time")
    with tempfile.TemporaryDirectory() as place:
        for method in METHODS:
            out = Path(place) / method
            spent = _seconds(lambda: JOB.run(recipe(method=method), data, out, RunSettings("cpu", True)))  # noqa: B023
            print(f"{method}: {spent:.1f} s, {spent / unit:.2f} of it", flush=True)
        matrix = read_adapter(Path(place) / "rla").matrix
    spent = _seconds(lambda: adapted_vectors(vectors, matrix))
    print(f"refresh by the matrix: {spent:.1f} s, {spent / unit:.3f} of it")


def _seconds(act: Callable[[], Any]) -> float:
    """Processor time, user and system, of all threads."""
    before = os.times()
    act()
    after = os.times()
    return after.user + after.system - before.user - before.system


def _unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
