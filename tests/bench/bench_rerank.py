"""k-reciprocal re-ranking beside the dense way re-ID libraries do it, and beside plain scores; seconds and memory.

The dense way is our own straightforward version: whole float32 matrices of distances, order and encodings, loops over
images. It needs several n x n matrices, so it runs at the smaller size only; there its scores are compared with ours.

``--checkout DIR`` adds the re-ranking of another checkout, as :mod:`tests.bench.bench_reid` does; ``--setting 20/6``
measures one setting only, ``--scores FILE`` saves the scores of this checkout at Market-1501's size, or compares them
with those that the file holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.ranking.k_reciprocal import KReciprocal, rerank_blocks
from retrieval.types import Float32
from tests.bench.bench_reid import (
    DIMENSION,
    ROOT,
    ROUNDS,
    SIZES,
    Problem,
    Size,
    alternate,
    beside_product,
    make,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def compare(path: Path) -> None:
    """Save the scores of every setting at Market-1501's size, or compare them with saved ones."""
    problem = make(SIZES["market"])
    scores = {
        setting.replace("/", "_"): np.concatenate(
            [block.copy() for _, block in rerank_blocks(problem.query, problem.gallery, how)]
        )
        for setting, how in SETTINGS.items()
    }
    if not path.exists():
        np.savez(path, allow_pickle=False, **scores)
        return
    with np.load(path) as before:
        for setting, found in scores.items():
            far = np.abs(found - before[setting])
            print(f"from saved scores, {setting}: largest {far.max():.1e}, {(far > 1e-6).mean():.2e} above 1e-6")


def one(size: str, contender: str, setting: str) -> None:
    """Print what :func:`tests.bench.bench_reid.measure` reads."""
    import scipy.sparse  # noqa: F401 - not part of what is measured

    problem, how = make(SMALL if size == "small" else SIZES[size]), SETTINGS[setting]
    run = dense if contender == "dense" else ours

    def contend() -> str:
        run(problem, how)
        return ""

    print(beside_product(problem, contend))


def main() -> None:
    """Print a table of the small size, where scores are compared too, and of Market-1501's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3)
    parser.add_argument("--setting", choices=SETTINGS)
    parser.add_argument("--size", choices=("small", "market"))
    parser.add_argument("--checkout", type=Path)
    parser.add_argument("--scores", type=Path)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    if options.scores:
        compare(options.scores)
        return
    for size, counts in (("small", SMALL), ("market", SIZES["market"])):
        if options.size not in {None, size}:
            continue
        names = {"ours": ROOT, **({"before": options.checkout} if options.checkout else {})}
        names |= {"dense": ROOT} if size == "small" else {}
        print(f"{counts.queries:,} x {counts.gallery:,} x {DIMENSION}, median of {ROUNDS} rounds (least-most)")
        for setting in [options.setting] if options.setting else SETTINGS:
            alternate(
                "tests.bench.bench_rerank",
                {f"{name} {setting}": ([size, name, setting], checkout) for name, checkout in names.items()},
            )
    problem = make(SMALL)
    for setting, how in SETTINGS.items():
        print(f"from the dense scores, {len(problem.vectors):,} images, {setting}: {differences(problem, how)}")


if __name__ == "__main__":
    main()
