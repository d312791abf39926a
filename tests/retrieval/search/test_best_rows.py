"""The best rows of blocks, whatever their approximate scores are within the error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.search import best_rows
from retrieval.search.best_rows import ROUNDING, BestRows

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64


def unit(n: int, d: int, seed: int) -> Float32:
    raw = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def sorted_rows(queries: Float32, data: Float32, order: Int64, k: int) -> list[list[int]]:
    scores = (queries.astype(np.float64) @ data.T.astype(np.float64)).astype(np.float32)
    return [np.lexsort((order, -row))[:k].tolist() for row in scores]


@pytest.mark.parametrize("least_new", [0, 100_000])
def test_scores_of_blocks_only_select(least_new: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_rows, "LEAST_NEW", least_new)
    rng = np.random.default_rng(1)
    queries, data, order = unit(5, 16, 2), unit(3000, 16, 3), rng.permutation(3000)
    data[rng.choice(3000, 60)] = queries[0]  # more ties than k
    best = BestRows(queries, data, order, 20)
    for start in range(0, 3000, 300):
        scores = data[start : start + 300] @ queries.T
        noise = rng.uniform(-0.9 * ROUNDING, 0.9 * ROUNDING, scores.shape)
        best.add(np.arange(start, start + 300), (scores + noise).astype(np.float32))
    assert best.neighbors().rows.tolist() == sorted_rows(queries, data, order, 20)


def test_candidates_stay_few_where_all_rows_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_rows, "LEAST_NEW", 10)
    data = np.ones((4000, 2), np.float32)
    best = BestRows(data[:2], data, np.arange(4000)[::-1], 5)
    for start in range(0, 4000, 100):
        best.add(np.arange(start, start + 100), np.full((100, 2), 2, np.float32))
        assert len(best._row) <= 30
    assert best.neighbors().rows.tolist() == [[3999, 3998, 3997, 3996, 3995]] * 2


def test_short_lists_are_padded_and_excluded_rows_are_not_returned() -> None:
    data = np.eye(4, dtype=np.float32)
    best = BestRows(data[:2], data, np.arange(4), 3)
    scores = data @ data[:2].T
    scores[[0, 1, 2], 0] = -np.inf
    best.add(np.arange(4), scores)
    rows, found = best.neighbors()
    assert rows.tolist() == [[3, -1, -1], [1, 0, 2]]
    assert found.tolist() == [[0, -np.inf, -np.inf], [1, 0, 0]]
