"""Forget one identity of a large store: processor time beside reading its files once; and many kills.

Every kill is followed by what ``tests/support/forget_kills.py`` checks: the store answers as before or as after, and
the next run of the same command leaves no byte. ``python -m tests.bench.bench_forget [KILLS]``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from retrieval.store.digests import file_sha256
from retrieval.store.erasing.forget import forget
from retrieval.store.erasing.request import ForgetRequest
from retrieval.store.open import create_store
from retrieval.types import Embeddings
from tests.support.forget_kills import kill_forgets, people_store
from tests.support.sample_stores import key, rows, spec
from tests.support.warm_start import warm_start

SAMPLES, DIMENSION, PER_IDENTITY = 200_000, 512, 20
KILLS = 100


def main(kills: int = KILLS) -> None:
    """Print processor seconds, their ratio to reading, and the number of kills."""
    with tempfile.TemporaryDirectory() as name:
        _large(Path(name) / "large")
        people_store(Path(name) / "s", kills + 2)
        with warm_start(modules=("lancedb", "retrieval.commands.forget", "retrieval.store.erasing.forget")) as start:
            killed = kill_forgets(start, Path(name) / "s", kills, seed=1)
        print(f"{killed} kills in {kills} runs of forget: nothing lost, nothing left")


def _large(folder: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"{at:07d}" for at in range(SAMPLES)]
    vectors = rng.standard_normal((SAMPLES, DIMENSION), np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    with create_store(folder).writer() as writer:
        space = writer.register_space(spec(), DIMENSION, ("base",))
        writer.append_vectors(space, [key(n) for n in names], {"base": Embeddings(vectors / lengths[:, None], lengths)})
        writer.append_samples(rows(names, identity=[f"p{at // PER_IDENTITY}" for at in range(SAMPLES)]))
        writer.commit("large")
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    start = time.process_time()
    for path in files:
        file_sha256(path)
    reading, start = time.process_time() - start, time.process_time()
    report = forget(create_store(folder), ForgetRequest(identity="p77", quiet=True), print)
    forgetting = time.process_time() - start
    print(
        f"{SAMPLES:,} samples, {size:,.0f} MB: forget {len(report.samples)} of them {forgetting:.1f} s of processor "
        f"time, {forgetting / reading:.0f} times SHA-256 of all files ({reading:.1f} s)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
