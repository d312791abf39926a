"""What an index proposes, among rows that are searched."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.search.approximate import ApproximateIndex
from retrieval.search.exact import ExactIndex
from retrieval.types import Float32, Int64
from tests.support.sample_stores import unit

DATA = unit(2000, 8).vectors
EXACT = ExactIndex(DATA)


class Proposer:
    """Proposes what an exact search finds, at most ``most`` rows, and keeps the widths that it was asked for."""

    def __init__(self, most: int = 2000) -> None:
        self.widths: list[int] = []
        self._most = most

    def __call__(self, queries: Float32, width: int) -> Int64:
        self.widths.append(width)
        rows = EXACT.search(queries, width).rows
        rows[:, self._most :] = -1
        return rows


def test_all_rows() -> None:
    proposer = Proposer()
    neighbors = ApproximateIndex(DATA, proposer, EXACT).among(DATA[:9], 5, [np.array([at]) for at in range(9)], None)
    assert neighbors is not None
    want = EXACT.search(DATA[:9], 5, [np.array([at]) for at in range(9)])
    assert np.array_equal(neighbors.rows, want.rows)
    assert np.array_equal(neighbors.scores, want.scores)
    assert proposer.widths == [14]


@pytest.mark.parametrize("last", [True, False])
def test_some_rows(last: bool) -> None:  # noqa: FBT001 - a padded candidate is row -1, whether that is searched or not
    searched = np.random.default_rng(0).random(len(DATA)) < 0.4
    searched[-1] = last
    proposer = Proposer(60)
    neighbors = ApproximateIndex(DATA, proposer, EXACT).among(DATA[:9], 3, None, searched)
    assert neighbors is not None
    assert np.array_equal(neighbors.rows, ExactIndex(DATA, rows=np.flatnonzero(searched)).search(DATA[:9], 3).rows)
    assert 11 / 0.4 < proposer.widths[0] < 2 * 11 / 0.4


def test_too_many_or_too_few_are_left_to_an_exact_search() -> None:
    index = ApproximateIndex(DATA, Proposer(), EXACT)
    assert index.among(DATA[:1], 300, None, None) is None
    searched = np.zeros(len(DATA), np.bool_)
    assert index.among(DATA[:1], 1, None, searched) is None
    searched[np.argsort(DATA @ DATA[0])[:1000]] = True  # the farthest
    assert index.among(DATA[:2], 5, None, searched) is None
    assert ApproximateIndex(DATA, Proposer(4), EXACT).among(DATA[:1], 5, None, None) is None
