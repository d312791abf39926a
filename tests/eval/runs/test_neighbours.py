from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.runs import neighbours
from eval.runs.neighbours import NeighbourSearcher, nearest_others
from tests.support.audit_samples import clusters

if TYPE_CHECKING:
    import pytest


def test_the_nearest_are_those_of_a_full_comparison() -> None:
    vectors = clusters(6, 5, noise=1)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :4]
    assert (nearest_others(vectors, 4).rows == order).all()
    rows = np.array([3, 17, 20])
    assert (nearest_others(vectors, 4, rows).rows == order[rows]).all()


def test_more_equal_vectors_than_are_listed() -> None:
    found = nearest_others(np.full((6, 4), 0.5, np.float32), 2)
    assert found.rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_many_vectors_are_searched_approximately_and_a_sample_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clusters(100, 10, noise=0.1)
    few = NeighbourSearcher()
    assert few.describe(vectors, few(vectors, 8), 0.1, all_hashes=True).exact
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 999)
    monkeypatch.setattr(neighbours, "SAMPLED", 50)
    searcher, forced = NeighbourSearcher(), NeighbourSearcher(exact=True)
    assert np.array_equal(forced(vectors, 8).rows, nearest_others(vectors, 8).rows)
    assert str(forced.describe(vectors, forced(vectors, 8), 0.1, all_hashes=True)) == ""
    said = searcher.describe(vectors, searcher(vectors, 8), 0.1, all_hashes=True)
    assert (said.exact, said.sampled) == (False, 50)
    assert said.recall is not None
    assert said.recall > 0.9
    assert 0 < said.near_pairs_found <= said.near_pairs <= 50 * 8
    lost = searcher(vectors, 8)
    lost.rows[:] = -1
    assert searcher.describe(vectors, lost, 0.1, all_hashes=True).recall == 0
