"""The re-ID evaluator beside its similarity product alone, and beside a plain argsort evaluator; seconds and memory.

Vectors are random clusters (512-d float32) with as many identities and cameras as Market-1501 and MSMT17 have. Every
figure comes from a process of its own, with the environment that the command line sets, so peak memory is that
contender's (vectors included); rounds alternate. Every process times the product too, before and after, and ratios are
to the mean of these two: of wall time, and of processor time, which other processes on the machine disturb less.

``--checkout DIR`` adds the evaluator of another checkout; ``--size NAME`` measures one size only.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
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


def product(problem: Problem) -> None:
    """All similarities, in blocks that are thrown away."""
    for _, _scores in similarity_blocks(problem.query, problem.gallery):
        pass


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


def evaluator(arrays: Arrays) -> str:
    """The mode ``reid``, on arrays that the runner would have read before."""
    metrics = MODE.evaluate(*settle(arrays, ReidConfig()), np.random.default_rng(0)).metrics
    return f"Rank-1 {metrics['rank_1'].value:.4f} mAP {metrics['mean_ap'].value:.4f}"


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


CONTENDERS: dict[str, Callable[[Problem], str]] = {"product_whole": product_whole, "argsort": argsort}


class Timing(NamedTuple):
    """Seconds and processor seconds of a contender and of the product beside it, peak memory in GB, and its words."""

    seconds: float
    processor: float
    product_seconds: float
    product_processor: float
    peak: float
    words: str

    @property
    def ratios(self) -> tuple[float, float]:
        """Wall and processor time over those of the product."""
        return self.seconds / self.product_seconds, self.processor / self.product_processor


def clock() -> NDArray[np.float64]:
    """Wall time, and processor time of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def beside_product(problem: Problem, contender: Callable[[], str]) -> str:
    """Run a contender between two products; the line that :func:`measure` reads."""
    product(problem)  # the first one also starts threads
    times = [clock()]
    product(problem)
    times.append(clock())
    words = contender()
    times.append(clock())
    product(problem)
    times.append(clock())
    first, own, last = np.diff(times, axis=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return " ".join([*map(str, [*own, *(first + last) / 2, peak / 1e9]), words])


def measure(module: str, arguments: list[str], checkout: Path) -> Timing:
    """Run a bench of this checkout for one contender, in a process of its own, with the rooms of another checkout."""
    program = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); import eval, retrieval; "
        f"sys.path.insert(0, sys.argv.pop(1)); runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", program, str(checkout), str(ROOT), "--one", *arguments]
    env = {"OPENBLAS_THREAD_TIMEOUT": OPENBLAS_THREAD_TIMEOUT, **os.environ}
    done = subprocess.run(command, cwd=checkout, env=env, check=True, capture_output=True, text=True)
    seconds, processor, beside, processor_beside, peak, words = done.stdout.strip("\n").split(" ", 5)
    return Timing(float(seconds), float(processor), float(beside), float(processor_beside), float(peak), words)


def print_row(name: str, rounds: list[Timing]) -> None:
    """Print medians of the rounds, and the ratios with their least and most."""
    seconds = statistics.median(timing.seconds for timing in rounds)
    wall, processor = zip(*(timing.ratios for timing in rounds), strict=True)
    spread = [f"{statistics.median(ratios):6.2f} ({min(ratios):.2f}-{max(ratios):.2f})" for ratios in (wall, processor)]
    peak = max(timing.peak for timing in rounds)
    print(
        f"  {name:16} {seconds:7.2f} s  wall {spread[0]:22} processor {spread[1]:22} x product  {peak:5.2f} GB  "
        f"{rounds[0].words}",
        flush=True,
    )


def alternate(module: str, contenders: Mapping[str, tuple[list[str], Path]]) -> None:
    """Measure contenders in turn, :data:`ROUNDS` times, and print a row of each.

    Args:
        module: the bench, run with ``--one``.
        contenders: name of the row -> arguments of ``--one``, and the checkout whose rooms are measured.
    """
    rounds = [{name: measure(module, *contender) for name, contender in contenders.items()} for _ in range(ROUNDS)]
    for name in contenders:
        print_row(name, [timings[name] for timings in rounds])


def one(size: str, contender: str) -> None:
    """Print what :func:`measure` reads. What the runner does is done before, and scipy is imported."""
    import scipy.special  # noqa: F401 - what the intervals of older checkouts import when they are first computed

    problem = make(SIZES[size])
    arrays = arrays_of(problem)
    other = CONTENDERS.get(contender)
    print(beside_product(problem, partial(other, problem) if other else partial(evaluator, arrays)))


def main() -> None:
    """Print a table of both sizes; the whole-matrix contenders that need many gigabytes run at the small one only."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2)
    parser.add_argument("--size", choices=SIZES)
    parser.add_argument("--checkout", type=Path)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    for size, counts in SIZES.items():
        if options.size not in {None, size}:
            continue
        others = ["product_whole", *(["argsort"] if size == "market" else [])]
        names = {"evaluator": ROOT, **({"evaluator before": options.checkout} if options.checkout else {})}
        names |= dict.fromkeys(others, ROOT)
        print(f"{counts.queries:,} x {counts.gallery:,} x {DIMENSION}, median of {ROUNDS} rounds (least-most)")
        alternate(
            "tests.bench.bench_reid",
            {name: ([size, name.split()[0]], checkout) for name, checkout in names.items()},
        )


if __name__ == "__main__":
    main()
