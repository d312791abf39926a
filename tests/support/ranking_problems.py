"""Re-ID problems for tests, and an evaluator written slowly and on its own that says what their numbers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.modes.reid import MODE
from eval.modes.verification import MODE as VERIFICATION
from eval.ranking.problem import ReidConfig
from eval.ranking.relations import settle
from eval.seams.mode import WHOLE_PART, Arrays
from eval.verification.scoring import VerificationConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from eval.results.schema import Evaluation


class Problem(NamedTuple):
    """Vectors (n, d) of length one; text or None per row; the first ``queries`` rows are queries."""

    vectors: NDArray[np.float32]
    identity: Sequence[str | None]
    camera: Sequence[str | None]
    queries: int


def golden() -> Problem:
    """The golden problem: RandomState(0), 40 queries, 200 gallery images, 15 identities, 4 cameras, 16-d."""
    rng = np.random.RandomState(0)
    centres = rng.randn(15, 16)
    qp, gp = rng.randint(0, 15, 40), rng.randint(0, 15, 200)
    qc, gc = rng.randint(0, 4, 40), rng.randint(0, 4, 200)
    q = centres[qp] + 1.3 * rng.randn(40, 16)
    g = centres[gp] + 1.3 * rng.randn(200, 16)
    vectors = np.concatenate([q, g])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identity, camera = np.concatenate([qp, gp]), np.concatenate([qc, gc])
    return Problem(vectors.astype(np.float32), [str(i) for i in identity], [str(c) for c in camera], 40)


def arrays(problem: Problem, order: Sequence[int] | None = None) -> Arrays:
    """One draw; ``order`` permutes the rows (ids go with their place)."""
    n = len(problem.vectors)
    rows = np.arange(n) if order is None else np.array(order, np.int64)
    query = np.flatnonzero(rows < problem.queries)
    gallery = np.flatnonzero(rows >= problem.queries)
    columns = {
        "identity": np.array([problem.identity[row] for row in rows.tolist()], dtype=np.object_),
        "camera": np.array([problem.camera[row] for row in rows.tolist()], dtype=np.object_),
    }
    ids = np.array([f"{at:06d}" for at in range(n)])
    return Arrays(ids, {"base": problem.vectors[rows]}, columns, {WHOLE_PART: ({"query": query, "gallery": gallery},)})


def evaluate(problem: Problem, **options: Any) -> Evaluation:
    """Run the mode."""
    return MODE.evaluate(*settle(arrays(problem), ReidConfig.read(options, "test")), np.random.default_rng(0))


def slow_ranks(problem: Problem, scores: NDArray[np.float64], camera_rule: str) -> list[list[int]]:
    """Ranks of the positives of every query: a stable sort of Python tuples, one query after the other."""
    found = []
    for q in range(problem.queries):
        ranked = sorted((-scores[q, g], g) for g in range(scores.shape[1]))
        ranks, place = [], 0
        for _, g in ranked:
            row = problem.queries + g
            same = problem.identity[q] is not None and problem.identity[row] == problem.identity[q]
            if same and camera_rule == "market1501" and problem.camera[row] == problem.camera[q]:
                continue
            place += 1
            if same:
                ranks.append(place)
        found.append(ranks)
    return found


def slow_metrics(all_ranks: list[list[int]], ap_method: str) -> dict[str, float]:
    """Metrics from ranks by walking down each ranking."""
    all_ranks = [ranks for ranks in all_ranks if ranks]
    precisions = []
    for ranks in all_ranks:
        area, hits, before = 0.0, 0, 1.0
        for place in range(1, ranks[-1] + 1):
            if place in ranks:
                hits += 1
                gain = hits / place if ap_method == "step" else (before + hits / place) / 2
                area += gain / len(ranks)
            before = hits / place
        precisions.append(area)
    return {
        **{f"rank_{k}": sum(ranks[0] <= k for ranks in all_ranks) / len(all_ranks) for k in (1, 5, 10)},
        "mean_ap": sum(precisions) / len(precisions),
        "mean_inp": sum(len(ranks) / ranks[-1] for ranks in all_ranks) / len(all_ranks),
    }


def verify(problem: Arrays, **options: Any) -> Evaluation:
    """The mode ``verification``."""
    config = VerificationConfig.read(options, "test")
    return VERIFICATION.evaluate(*settle(problem, config), np.random.default_rng(0))


def with_held_out(seed: int = 1, **roles: slice) -> Arrays:
    """The golden problem, and 60 images of six other people and one that is tested."""
    problem, rng = golden(), np.random.default_rng(seed)
    effective_identities = np.repeat(np.arange(7), 10)[:60]
    raw = rng.standard_normal((7, 16))[effective_identities] + 1.3 * rng.standard_normal((60, 16))
    others = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    names = [*problem.identity, *(f"other{at}" if at else "3" for at in effective_identities)]
    whole = arrays(Problem(np.concatenate([problem.vectors, others]), names, [None] * 300, 40))
    draw = {"query": np.arange(40), "gallery": np.arange(40, 240)}
    held_out = {role: np.arange(240, 300)[rows] for role, rows in roles.items()}
    return Arrays(whole.ids, whole.vectors, whole.columns, {"": ({**draw, **held_out},)})
