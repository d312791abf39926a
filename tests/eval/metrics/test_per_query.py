"""Metrics of each query from the places of its positives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eval.metrics.per_query import ap_definitions, query_matches, query_penalties, query_precisions
from eval.metrics.ranking import (
    ApRule,
    PositiveRanks,
    RankTable,
    Ties,
)
from tests.support.ranking_metrics import query_ranks

TIES = np.float32(1) - np.array([0.5, 0.5, 0.5, 0.9], np.float32)


@given(st.lists(st.integers(1, 40), min_size=1), st.integers(1, 50))
def test_cmc_counts_queries_up_to_each_rank(first: list[int], length: int) -> None:
    last = -np.arange(41, dtype=np.float32)
    found = query_matches(RankTable.of([query_ranks(last, np.array([rank - 1])) for rank in first]), length, "stable")
    expected = [sum(rank <= k for rank in first) / len(first) for k in range(1, length + 1)]
    np.testing.assert_allclose(found.mean(axis=0), expected)


@pytest.mark.parametrize(
    ("ties", "rank_1", "ap"),
    [("stable", 0, 1 / 3), ("pessimistic", 0, 1 / 3), ("optimistic", 1, 1.0), ("expected", 1 / 3, 11 / 18)],
)
def test_golden_ties_under_every_policy(ties: Ties, rank_1: float, ap: float) -> None:
    """Positive third of three tied: places 1, 2, 3 give 1, 1/2, 1/3."""
    placed = RankTable.of([query_ranks(TIES, np.array([2]))])
    assert query_matches(placed, 1, ties)[0, 0] == pytest.approx(rank_1)
    assert query_precisions(placed, ApRule("step"), ties)[0] == pytest.approx(ap, abs=1e-6)
    assert query_precisions(placed, ApRule("sklearn"), ties)[0] == pytest.approx(1 / 3, abs=1e-6)


def test_cmc_of_omls_worked_example() -> None:
    """OML: gt [[1,0],[0,1,1],[0,0],[]] with n_gt [2,2,1,0] -> @1 [1,0,0,1], @2 [1,1,0,1].

    A query with no positive at all (the last) counts 1 there; here it is a miss, and the denominator ``valid`` leaves
    it out.
    """
    best_first = -np.arange(5, dtype=np.float32)
    positives: list[list[int]] = [[0, 4], [1, 2], [4], []]
    placed = RankTable.of([query_ranks(best_first, np.array(rows, np.int64)) for rows in positives])
    omls = query_matches(placed, 2, "stable", without_positive="hit")
    assert omls.T.tolist() == [[1, 0, 0, 1], [1, 1, 0, 1]]
    assert query_matches(placed, 2, "expected", without_positive="hit").tolist() == omls.tolist()
    assert query_matches(placed, 2, "stable").T.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0]]


RULES = [rule for k in (1, 3, 5) for rule in ap_definitions(k)]


@st.composite
def tied_rankings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores of few values, and rows of positives."""
    scores = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=7)), np.float32)
    positives = draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    return scores, np.array(sorted(positives), np.int64)


@st.composite
def queries(draw: st.DrawFn) -> RankTable:
    """Several queries; some have no positive."""
    empty = np.empty(0, np.int64)
    return RankTable.of(
        [
            query_ranks(*ranking) if ranking is not None else PositiveRanks(empty, empty, empty)
            for ranking in draw(st.lists(st.one_of(st.none(), tied_rankings()), min_size=1, max_size=6))
        ]
    )


@given(queries())
def test_pessimistic_stable_and_expected_optimistic_stand_in_order(placed: RankTable) -> None:
    for rule in RULES:
        if rule.method == "at_k" and rule.denominator == "hits":
            continue  # more hits enlarge the divisor too: an earlier rank may lower it
        low, *between, high = (
            query_precisions(placed, rule, ties) for ties in ("pessimistic", "stable", "expected", "optimistic")
        )
        for middle in between:
            assert (low <= middle + 1e-12).all()
            assert (middle <= high + 1e-12).all()
    low, *between, high = (
        np.column_stack([query_matches(placed, 5, ties), query_penalties(placed, ties)])
        for ties in ("pessimistic", "stable", "expected", "optimistic")
    )
    for middle in between:
        assert (low <= middle + 1e-12).all()
        assert (middle <= high + 1e-12).all()


@given(queries())
def test_a_query_without_positive_counts_nothing(placed: RankTable) -> None:
    without = placed.counts == 0
    assume(without.any())
    assert not query_precisions(placed, ApRule(), "expected")[without].any()
    assert not query_matches(placed, 3, "stable")[without].any()
    assert not query_penalties(placed, "optimistic")[without].any()
