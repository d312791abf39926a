"""Tie policies against brute force: every order of the tied entries, one after the other."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.per_query import ap_definitions
from eval.metrics.ranking import (
    ApRule,
    threshold_precision,
)
from eval.metrics.tied_ranking import expected_average_precision, expected_inverse_negative_penalty, expected_match
from tests.support.ranking_metrics import average_precision, inverse_negative_penalty, query_ranks

RULES = [rule for k in (1, 3, 5) for rule in ap_definitions(k)]


@st.composite
def tied_rankings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores of few values, and rows of positives."""
    scores = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=7)), np.float32)
    positives = draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    return scores, np.array(sorted(positives), np.int64)


def all_ranks(scores: np.ndarray, positives: np.ndarray) -> list[np.ndarray]:
    """Ranks of the positives in every order that the scores allow."""
    return [
        np.array([at + 1 for at, row in enumerate(order) if row in positives])
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]


@settings(max_examples=60, deadline=None)
@given(tied_rankings())
def test_expectations_are_means_over_all_orders(ranking: tuple[np.ndarray, np.ndarray]) -> None:
    placed, orders = query_ranks(*ranking), all_ranks(*ranking)
    for rule in RULES:
        if rule.method != "sklearn":
            mean = np.mean([average_precision(ranks, rule) for ranks in orders])
            assert expected_average_precision(placed, rule) == pytest.approx(mean, abs=1e-12)
    penalties = [inverse_negative_penalty(ranks) for ranks in orders]
    assert expected_inverse_negative_penalty(placed) == pytest.approx(np.mean(penalties), abs=1e-12)
    for length in (1, 4, 9):
        curve = np.mean([[ranks[0] <= k for k in range(1, length + 1)] for ranks in orders], axis=0)
        np.testing.assert_allclose(expected_match(placed, length), curve, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(tied_rankings())
def test_policies_are_the_ends_of_all_orders(ranking: tuple[np.ndarray, np.ndarray]) -> None:
    placed, orders = query_ranks(*ranking), all_ranks(*ranking)
    for rule in (ApRule("step"), ApRule("trapezoid"), ApRule("at_r"), ApRule("at_k", 3, "n")):
        values = [average_precision(ranks, rule) for ranks in orders]
        assert average_precision(placed.under("pessimistic"), rule) == pytest.approx(min(values))
        assert average_precision(placed.under("optimistic"), rule) == pytest.approx(max(values))
    assert placed.under("pessimistic").tolist() == max(ranks.tolist() for ranks in orders)
    assert placed.under("optimistic").tolist() == min(ranks.tolist() for ranks in orders)
    assert placed.has_ties == (len({tuple(ranks.tolist()) for ranks in orders}) > 1)


@given(tied_rankings(), st.randoms())
def test_only_stable_depends_on_the_order_of_the_gallery(
    ranking: tuple[np.ndarray, np.ndarray], random: np.random.Generator
) -> None:
    scores, positives = ranking
    order = list(range(len(scores)))
    random.shuffle(order)
    moved = np.sort([order.index(row) for row in positives.tolist()]).astype(np.int64)
    before, after = query_ranks(scores, positives), query_ranks(scores[order], moved)
    for policy in ("pessimistic", "optimistic"):
        assert before.under(policy).tolist() == after.under(policy).tolist()
    assert threshold_precision(before) == threshold_precision(after)
    for rule in RULES:
        assert expected_average_precision(before, rule) == expected_average_precision(after, rule)


def test_a_tie_of_everything_is_quick() -> None:
    positives = np.arange(0, 80_000, 3)
    placed = query_ranks(np.zeros(80_000, np.float32), positives)
    assert expected_inverse_negative_penalty(placed) == pytest.approx(len(positives) / 80_000, rel=1e-3)
    assert expected_match(placed, 1)[0] == pytest.approx(len(positives) / 80_000)
    # A random order of a third of positives has a precision of about a third everywhere.
    assert expected_average_precision(placed, ApRule("step")) == pytest.approx(1 / 3, abs=1e-3)
