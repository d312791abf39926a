"""Recall and rankings beside slow references and the metrics of evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.ranking import ApRule, average_precisions
from indexers.ann.measure import RANKED, measure, ranking_scores, recall_of
from retrieval.search.exact import ExactIndex
from retrieval.types import Float32, Neighbors
from tests.support.sample_stores import unit


class Forgetful:
    """An exact index that never returns some rows."""

    exhaustive = False

    def __init__(self, data: Float32, lost: set[int]) -> None:
        self._index = ExactIndex(data, rows=np.array([row for row in range(len(data)) if row not in lost]))
        self.search = self._index.search


def test_recall_is_the_share_of_neighbours_that_reach_the_last_exact_score() -> None:
    exact = Neighbors(np.array([[4, 7], [1, 2]]), np.array([[0.9, 0.5], [0.8, 0.8]], np.float32))
    other = Neighbors(np.array([[4, 9], [3, -1]]), np.array([[0.9, 0.4], [0.8, -np.inf]], np.float32))
    assert recall_of(exact, exact) == 1
    assert recall_of(other, exact) == 0.5  # row 3 is as near as rows 1 and 2


def test_average_precision_is_that_of_evaluations() -> None:
    rng = np.random.default_rng(0)
    is_same = rng.random((40, 12)) < 0.3
    is_same[0] = False
    extra = rng.integers(0, 9, 40)
    extra[0] = 4
    positives = np.maximum(1, is_same.sum(axis=1) + extra)
    ranks = [
        np.concatenate([np.flatnonzero(row) + 1, 1000 + np.arange(n)])[:p]
        for row, n, p in zip(is_same, positives, positives, strict=True)
    ]
    want = average_precisions(np.concatenate(ranks), positives, ApRule("at_k", 12, "min_k_n"))
    scores = ranking_scores(is_same, positives)
    assert scores.mean_ap == pytest.approx(want.mean())
    assert scores.rank_1 == is_same[:, 0].mean()


def test_what_an_index_loses_is_measured() -> None:
    data = np.repeat(unit(200, 8).vectors, 3, axis=0) + 0.05 * unit(600, 8, seed=1).vectors
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    identity = np.arange(600) // 3
    identity[-9:] = -1
    exact = ExactIndex(data)
    nothing = measure(exact, exact, data, identity, 0)
    assert (nothing["queries"], nothing["recall_at_10"]) == (600, 1)
    assert nothing["ranking"]["exact"] == nothing["ranking"]["approximate"]
    assert (nothing["ranking"]["queries"], nothing["ranking"]["identities"], RANKED) == (591, 197, 100)
    lost = set(range(0, 600, 3))
    much = measure(Forgetful(data, lost), exact, data, identity, 0)
    assert much["recall_at_10"] == pytest.approx(2 / 3, abs=0.05)
    assert much["ranking"]["approximate"]["mean_ap"] < much["ranking"]["exact"]["mean_ap"] - 0.2


def test_rank_1_and_map_equal_a_slow_reference() -> None:
    data = unit(300, 4).vectors
    identity = np.random.default_rng(1).integers(0, 40, 300)
    index = ExactIndex(data)
    measured = measure(index, index, data, identity, 0)["ranking"]["exact"]
    rank_1, precisions = [], []
    for query in range(300):
        scores = data.astype(np.float64) @ data[query].astype(np.float64)
        order = [row for row in np.lexsort((np.arange(300), -scores.astype(np.float32))) if row != query][:RANKED]
        same = [identity[row] == identity[query] for row in order]
        positives = int((identity == identity[query]).sum()) - 1
        if not positives:
            continue
        rank_1.append(same[0])
        hits = [sum(same[: at + 1]) / (at + 1) for at in range(RANKED) if same[at]]
        precisions.append(sum(hits) / min(positives, RANKED))
    assert measured["rank_1"] == pytest.approx(np.mean(rank_1))
    assert measured["mean_ap"] == pytest.approx(np.mean(precisions))


def test_identities_of_one_vector_have_no_ranking() -> None:
    data = unit(200, 8).vectors
    index = ExactIndex(data)
    measured = measure(index, index, data, np.arange(200), 0)
    assert (measured["ranking"], measured["ranking_reason"]) == (None, "no identity has two vectors")
    measured = measure(index, index, data, np.full(200, -1), 0)
    assert measured["ranking_reason"] == "no sample has an identity"
