"""Tasks for tests of scorers that learn, with a search small enough to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.registry import load_scorer
from eval.seams.scorer import Arm, ClassBank, ScorerTask, Setting
from retrieval.types import Float32, Int64, Neighbors
from tests.support.class_banks import arm_of, directions

if TYPE_CHECKING:
    from retrieval.config import Config


class TinyIndex:
    """Exact search by a sort: ties in order of row, short lists padded."""

    exhaustive = True

    def __init__(self, data: Float32) -> None:
        self._data = data
        self.asked: list[int] = []

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        assert exclude is None
        self.asked.append(k)
        scores = np.einsum("qd,nd->qn", queries.astype(np.float64), self._data).astype(np.float32)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        pad = ((0, 0), (0, max(0, k - len(self._data))))
        best = np.take_along_axis(scores, rows, axis=1)
        return Neighbors(np.pad(rows, pad, constant_values=-1), np.pad(best, pad, constant_values=-np.inf))


def learning_task(queries: Float32, train: Float32, labels: Int64 | Sequence[int], classes: int) -> ScorerTask:
    """A task for scorers that learn."""
    return ScorerTask(queries, None, train, np.asarray(labels, np.int64), classes, _tiny_index)


def _tiny_index(kind: str, vectors: Float32, rows: Int64 | None = None) -> TinyIndex:
    return TinyIndex(vectors if rows is None else vectors[rows])


def some_task(seed: int, classes: int = 5, train: int = 30, queries: int = 12) -> ScorerTask:
    """Random directions; the last class may have no train sample, nor any other."""
    rng = np.random.default_rng(seed)
    return learning_task(directions(rng, queries), directions(rng, train), rng.integers(0, classes, train), classes)


def answers(
    scorer: str, task: ScorerTask, options: Config, *banks: ClassBank, logit_scale: float | None = None
) -> list[tuple[Setting, Float32]]:
    """Every setting of a scorer with its logits, which are checked for shape and type."""
    arm: Arm = arm_of(scorer, options, *banks, logit_scale=logit_scale)
    found = load_scorer(scorer)
    settings = found.settings(arm)
    scored = list(found.logits(arm, task, settings))
    assert all(logits.shape == (len(task.queries), task.classes) for logits in scored)
    assert all(logits.dtype == np.float32 and not np.isnan(logits).any() for logits in scored)
    return list(zip(settings, scored, strict=True))
