"""k-reciprocal re-ranking beside the dense way re-ID libraries do it, and beside plain scores; seconds and memory.

The dense way is our own straightforward version: whole float32 matrices of distances, order and encodings, loops over
images. It needs several n x n matrices, so it runs at the smaller size only; there its scores are compared with ours.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.ranking.k_reciprocal import KReciprocal, rerank_blocks
from retrieval.types import Float32
from tests.bench.bench_reid import SIZES, Problem, Size, make, product

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
SMALL = Size(800, 4000, 300, 6)
SETTINGS = {"20/6": KReciprocal(20, 6, 0.3), "50/15": KReciprocal(50, 15, 0.3)}


def ours(problem: Problem, how: KReciprocal) -> None:
    """Scores in blocks that are thrown away."""
    for _ in rerank_blocks(problem.query, problem.gallery, how):
        pass


def dense(problem: Problem, how: KReciprocal) -> Float32:
    """Scores (queries, gallery), everything in whole matrices."""
    vectors, queries = problem.vectors, problem.size.queries
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")
    distance = np.maximum(1 - similarity, 0)
    distance /= distance.max(axis=1, keepdims=True)
    encoded = np.zeros_like(distance)
    for image in range(len(vectors)):
        core = _reciprocal(order, image, how.k1)
        members = core
        for other in core:
            candidate = _reciprocal(order, other, round(how.k1 / 2))
            if 3 * np.isin(candidate, core).sum() > 2 * len(candidate):
                members = np.union1d(members, candidate)
        weights = np.exp(-distance[image, members])
        encoded[image, members] = weights / weights.sum()
    encoded = np.stack([encoded[near].mean(axis=0) for near in order[:, : how.k2]])
    columns = [np.flatnonzero(column[queries:]) for column in encoded.T]
    scores = np.empty((queries, problem.size.gallery), np.float32)
    for query in range(queries):
        common = np.zeros(problem.size.gallery, np.float32)
        for column in np.flatnonzero(encoded[query]):
            rows = columns[column]
            common[rows] += np.minimum(encoded[query, column], encoded[queries + rows, column])
        near = 1 - distance[query, queries:]
        scores[query] = how.weight * near + (1 - how.weight) * common / (2 - common)
    return scores


def _reciprocal(order: NDArray[np.int64], image: int, k: int) -> NDArray[np.int64]:
    near = order[image, : k + 1]
    found: NDArray[np.int64] = near[(order[near, : k + 1] == image).any(axis=1)]
    return found


def differences(problem: Problem, how: KReciprocal) -> str:
    """How far our scores are from the dense ones.

    Two neighbours whose float32 cosines are within rounding may change places at the k-th place; that moves a few
    scores, in either version, with the order in which a matrix product adds up.
    """
    whole = dense(problem, how)
    apart = [np.abs(s - whole[at : at + len(s)]) for at, s in rerank_blocks(problem.query, problem.gallery, how)]
    far = np.concatenate(apart)
    return f"largest {far.max():.1e}, more than 1e-6 in {(far > 1e-6).mean():.2e} of the scores"


def one(size: str, contender: str, setting: str) -> None:
    """Print seconds and peak memory in GB of one contender, vectors included."""
    problem = make(SMALL if size == "small" else SIZES[size])
    start = time.perf_counter()
    if contender == "product":
        product(problem)
    elif contender == "dense":
        dense(problem, SETTINGS[setting])
    else:
        ours(problem, SETTINGS[setting])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{seconds:7.2f} s  {peak / 1e9:5.2f} GB")


def main() -> None:
    """Print a table of the small size, where scores are compared too, and of Market-1501's."""
    for size, contenders in (("small", ("product", "dense", "ours")), ("market", ("product", "ours"))):
        counts = SMALL if size == "small" else SIZES[size]
        print(f"{counts.queries:,} x {counts.gallery:,}, n = {counts.queries + counts.gallery:,}")
        for contender in contenders:
            for setting in SETTINGS if contender != "product" else ("20/6",):
                command = [sys.executable, "-m", "tests.bench.bench_rerank", size, contender, setting]
                said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip()
                print(f"  {contender:8} {'' if contender == 'product' else setting:6} {said}", flush=True)
    problem = make(SMALL)
    for setting, how in SETTINGS.items():
        print(f"from the dense scores, {len(problem.vectors):,} images, {setting}: {differences(problem, how)}")


if __name__ == "__main__":
    one(*sys.argv[1:]) if len(sys.argv) == 4 else main()
