"""The re-ID evaluator beside its similarity product alone, and beside a plain argsort evaluator; seconds and memory.

Vectors are random clusters (512-d float32) with as many identities and cameras as Market-1501 and MSMT17 have. Every
figure comes from a process of its own, with the environment that the command line sets, so peak memory is that
contender's (vectors included); rounds alternate.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cli import OPENBLAS_THREAD_TIMEOUT
from eval.modes.reid import MODE
from eval.ranking.problem import ReidConfig
from eval.ranking.relations import settle
from eval.scorers.similarity import similarity_blocks
from eval.seams.mode import WHOLE_PART, Arrays
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
DIMENSION = 512
ROUNDS = 3


class Size(NamedTuple):
    """A problem: counts."""

    queries: int
    gallery: int
    identities: int
    cameras: int


SIZES = {"market": Size(3368, 15913, 751, 6), "msmt": Size(11659, 82161, 3060, 15)}


class Problem(NamedTuple):
    """Queries first, then the gallery: vectors (n, d), identity (n,), camera (n,)."""

    size: Size
    vectors: Float32
    identity: Int64
    camera: Int64

    @property
    def query(self) -> Float32:
        """Vectors of the queries."""
        return self.vectors[: self.size.queries]

    @property
    def gallery(self) -> Float32:
        """Vectors of the gallery."""
        return self.vectors[self.size.queries :]


def make(size: Size) -> Problem:
    """Draw a problem."""
    rng = np.random.default_rng(0)
    n = size.queries + size.gallery
    centres = rng.standard_normal((size.identities, DIMENSION), dtype=np.float32)
    identity = rng.integers(0, size.identities, n)
    vectors = rng.standard_normal((n, DIMENSION), dtype=np.float32)
    vectors *= np.float32(3)
    for start in range(0, n, 8192):
        vectors[start : start + 8192] += centres[identity[start : start + 8192]]
    vectors /= np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return Problem(size, vectors, identity, rng.integers(0, size.cameras, n))


def product(problem: Problem) -> str:
    """All similarities, in blocks that are thrown away."""
    for _, _scores in similarity_blocks(problem.query, problem.gallery):
        pass
    return ""


def product_whole(problem: Problem) -> str:
    """All similarities in one matrix."""
    return f"{(problem.query @ problem.gallery.T).shape}"


def arrays_of(problem: Problem) -> Arrays:
    """The problem as a mode gets it."""
    n = len(problem.vectors)
    columns = {
        name: np.array([f"{value:05d}" for value in codes], dtype=np.object_)
        for name, codes in (("identity", problem.identity), ("camera", problem.camera))
    }
    draw = {"query": np.arange(problem.size.queries), "gallery": np.arange(problem.size.queries, n)}
    ids = np.array([f"{at:07d}" for at in range(n)])
    return Arrays(ids, {"base": problem.vectors}, columns, {WHOLE_PART: (draw,)})


def evaluator(problem: Problem) -> str:
    """The mode ``reid``, on arrays that the runner would have read before; scipy is imported before, too."""
    import scipy.special  # noqa: F401 - what the intervals import when they are first computed

    arrays = arrays_of(problem)
    start = time.perf_counter()
    metrics = MODE.evaluate(*settle(arrays, ReidConfig()), np.random.default_rng(0)).metrics
    seconds = time.perf_counter() - start
    return f"{seconds} Rank-1 {metrics['rank_1'].value:.4f} mAP {metrics['mean_ap'].value:.4f}"


def argsort(problem: Problem) -> str:
    """The evaluator that re-ID libraries have, written plainly: whole matrix, argsort, a loop over queries."""
    nq = problem.size.queries
    order = np.argsort(1 - problem.query @ problem.gallery.T, axis=1)
    identity, camera = problem.identity[nq:], problem.camera[nq:]
    firsts, precisions = [], []
    for query in range(nq):
        ranked = order[query]
        same = identity[ranked] == problem.identity[query]
        kept: NDArray[np.bool_] = same[~(same & (camera[ranked] == problem.camera[query]))]
        if kept.any():
            hits = kept.cumsum()
            firsts.append(bool(kept[0]))
            precisions.append((hits / np.arange(1, len(hits) + 1))[kept].mean())
    return f"Rank-1 {np.mean(firsts):.4f} mAP {np.mean(precisions):.4f}"


CONTENDERS: dict[str, Callable[[Problem], str]] = {
    "product": product,
    "product_whole": product_whole,
    "evaluator": evaluator,
    "argsort": argsort,
}


def one(size: str, contender: str) -> None:
    """Print seconds, peak memory in GB and the numbers of one contender."""
    problem = make(SIZES[size])
    start = time.perf_counter()
    said = CONTENDERS[contender](problem)
    seconds = time.perf_counter() - start
    if contender == "evaluator":  # it says itself how long it took without what the runner and imports do
        own, _, said = said.partition(" ")
        seconds = float(own)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{seconds} {peak / 1e9} {said}")


def _measure(size: str, contender: str) -> tuple[float, float, str]:
    command = [sys.executable, "-m", "tests.bench.bench_reid", size, contender]
    env = {"OPENBLAS_THREAD_TIMEOUT": OPENBLAS_THREAD_TIMEOUT, **os.environ}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    seconds, peak, *said = done.stdout.split()
    return float(seconds), float(peak), " ".join(said)


def main() -> None:
    """Print a table of both sizes; the whole-matrix contenders that need many gigabytes run at the small one only."""
    for size, counts in SIZES.items():
        names = [name for name in CONTENDERS if name != "argsort" or size == "market"]
        rounds = [{name: _measure(size, name) for name in names} for _ in range(ROUNDS)]
        print(f"{counts.queries:,} x {counts.gallery:,} x {DIMENSION}, median of {ROUNDS} rounds")
        for name in names:
            seconds = statistics.median(found[name][0] for found in rounds)
            ratio = statistics.median(found[name][0] / found["product"][0] for found in rounds)
            peak = max(found[name][1] for found in rounds)
            print(f"  {name:14} {seconds:7.2f} s  {ratio:6.2f} x product  {peak:5.2f} GB  {rounds[0][name][2]}")


if __name__ == "__main__":
    one(*sys.argv[1:]) if len(sys.argv) == 3 else main()
