"""Near pairs of an audit: the approximate search beside the exact one, time and recall at 50,000 x 128.

``near`` is the share of the pairs within the distance of near-duplicates that the approximate search has among eight
neighbours, of those that the exact one has: planted copies at distances up to .15 of the typical one. The vectors lie
around 500 centres, or fill the space evenly, which is the worst case.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from eval.audit.duplicates import NEAR_ALONE, NEAR_WITH_HASH, typical_distance
from eval.runs.neighbours import nearest_others
from retrieval.search.cells import cell_neighbours

if TYPE_CHECKING:
    from collections.abc import Callable

    from retrieval.types import Float32, Neighbors

ROWS, DIMENSION, COPIES, NEIGHBOURS, ROUNDS = 50_000, 128, 5_000, 8, 3


def vectors_with_copies(n: int, noise: float, seed: int = 0) -> Float32:
    """Unit vectors around centres; ``COPIES`` of them are copies of others at even cosine distances up to .15."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((500, DIMENSION))
    vectors = centres[rng.integers(0, 500, n)] + noise * rng.standard_normal((n, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    originals, copies = rng.choice(n, (2, COPIES), replace=False)
    cosine = 1 - rng.uniform(0, 0.15, (COPIES, 1))
    aside = rng.standard_normal((COPIES, DIMENSION))
    aside -= (aside * vectors[originals]).sum(axis=1, keepdims=True) * vectors[originals]
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    vectors[copies] = cosine * vectors[originals] + np.sqrt(1 - cosine**2) * aside
    return vectors.astype(np.float32)


def timed(search: Callable[[Float32, int], Neighbors], vectors: Float32) -> tuple[float, Neighbors]:
    """Processor seconds of a search, and what it found."""
    start = time.process_time()
    found = search(vectors, NEIGHBOURS)
    return time.process_time() - start, found


def main() -> None:
    """Print a row per kind of data; another number of vectors may be given."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"{n:,} x {DIMENSION}, {NEIGHBOURS} neighbours; processor seconds, median of {ROUNDS} rounds")
    print("data        exact   cells   ratio (spread)     neighbours   near (.04)   near (.15)")
    for name, noise in (("centres", 1.0), ("even", 100.0)):
        vectors = vectors_with_copies(n, noise)
        rounds = [(timed(nearest_others, vectors), timed(cell_neighbours, vectors)) for _ in range(ROUNDS)]
        exact, cells = rounds[0][0][1], rounds[0][1][1]
        is_there = (exact.rows[:, :, None] == cells.rows[:, None, :]).any(axis=2)
        distances = (1 - exact.scores) / typical_distance(vectors)
        recalls = [is_there.mean(), *(is_there[distances <= limit].mean() for limit in (NEAR_ALONE, NEAR_WITH_HASH))]
        ratios = sorted(b / a for (a, _), (b, _) in rounds)
        a, b = (np.median([pair[at][0] for pair in rounds]) for at in (0, 1))
        spread = f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"{name:10}{a:7.1f}{b:8.1f}{np.median(ratios):8.2f} {spread:13}", end="")
        print("".join(f"{recall:13.4f}" for recall in recalls), flush=True)


if __name__ == "__main__":
    main()
