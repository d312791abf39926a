"""Random banks over a label universe, arms and tasks for tests of scorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.registry import load_scorer
from eval.seams.scorer import Arm, ClassBank, ScorerTask
from retrieval.search.exact import ExactIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.config import Config
    from retrieval.types import Float32, Int64, SearchIndex


def bank_of(
    vectors: Float32, edges: list[tuple[int, int]], name: str = "bank", bias: Float32 | None = None
) -> ClassBank:
    """A bank with edges (class, row of vectors), in any order."""
    table = np.array(sorted(edges), np.int64).reshape(-1, 2)
    return ClassBank(name, vectors, table[:, 1], table[:, 0], bias)


def directions(rng: np.random.Generator, n: int, d: int = 6) -> Float32:
    """Random unit vectors (n, d)."""
    raw = rng.standard_normal((n, d))
    unit: NDArray[np.float64] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return unit.astype(np.float32)


def ragged(rng: np.random.Generator, texts: int, classes: int, density: float = 0.3, *, unit: bool = True) -> ClassBank:
    """Texts that serve none, one or several classes; classes with none, one or several texts; at least one edge."""
    vectors = directions(rng, texts)
    joined = rng.random((classes, texts)) < density
    joined[rng.integers(classes), rng.integers(texts)] = True
    edges = [(int(c), int(t)) for c, t in np.argwhere(joined)]
    if unit:
        return bank_of(vectors, edges)
    return bank_of(3 * vectors, edges, bias=rng.standard_normal(texts).astype(np.float32))


def arm_of(scorer: str, options: Config, *banks: ClassBank, logit_scale: float | None = None) -> Arm:
    """An arm whose vectors are in the task, as far as a scorer is concerned."""
    return Arm("arm", load_scorer(scorer), {}, options, banks, logit_scale=logit_scale)


def task_of(queries: Float32, classes: int, norms: Float32 | None = None) -> ScorerTask:
    """A task for scorers that do not learn."""
    return ScorerTask(
        queries, norms, np.empty((0, queries.shape[1]), np.float32), np.empty(0, np.int64), classes, _index
    )


def _index(kind: str, vectors: Float32, rows: Int64 | None = None) -> SearchIndex:
    assert kind == "exact"
    assert rows is None
    return ExactIndex(vectors)
