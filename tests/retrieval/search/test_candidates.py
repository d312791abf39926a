"""Scores of candidates: of their two vectors alone, sorted with ties, without what is excluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.search import candidates
from retrieval.search.candidates import pair_scores, rank_candidates

if TYPE_CHECKING:
    import pytest

rng = np.random.default_rng(0)
DATA = rng.standard_normal((50, 70)).astype(np.float32)
QUERIES = rng.standard_normal((9, 70)).astype(np.float32)


def test_the_score_of_a_pair_does_not_depend_on_others(monkeypatch: pytest.MonkeyPatch) -> None:
    owners, rows = np.divmod(rng.permutation(9 * 50), 50)
    together = pair_scores(QUERIES, DATA, owners, rows)
    monkeypatch.setattr(candidates, "PAIR_BYTES", 1)
    assert np.array_equal(together, pair_scores(QUERIES, DATA, owners, rows))
    wanted = [np.dot(QUERIES[a].astype(float), DATA[b].astype(float)) for a, b in zip(owners, rows, strict=True)]
    np.testing.assert_allclose(together, wanted, rtol=1e-6)


def test_candidates_are_sorted_and_what_is_excluded_is_dropped() -> None:
    data = np.array([[1, 0], [0, 1], [1, 0], [2, 0]], np.float32)
    queries = np.array([[1, 0], [0, 1]], np.float32)
    lists = np.array([[0, 1, 2, 3], [2, -1, 1, -1]])
    rows, scores = rank_candidates(queries, data, lists, [np.array([3]), np.array([], int)], np.array([9, 8, 7, 6]))
    assert rows.tolist() == [[2, 0, 1, -1], [1, 2, -1, -1]]
    assert scores.tolist() == [[1, 1, 0, -np.inf], [1, 0, -np.inf, -np.inf]]
