from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from eval.metrics.ranking import (
    AP_DENOMINATORS,
    AP_METHODS,
    ApRule,
    RankTable,
    average_precisions,
    inverse_negative_penalties,
    positive_ranks,
    threshold_precision,
)
from tests.support.ranking_metrics import average_precision, inverse_negative_penalty, query_ranks

TIES = np.float32(1) - np.array([0.5, 0.5, 0.5, 0.9], np.float32)


RULES = [*map(ApRule, AP_METHODS), *(ApRule("at_k", 4, each) for each in AP_DENOMINATORS)]


ranks_of_one_query = st.sets(st.integers(1, 60), min_size=1, max_size=20).map(sorted)


@pytest.mark.parametrize(("positive", "rank", "ap"), [(0, 1, 1.0), (2, 3, 1 / 3)])
def test_ties_stand_in_order_of_the_gallery(positive: int, rank: int, ap: float) -> None:
    ranks = query_ranks(TIES, np.array([positive])).stable
    assert ranks.tolist() == [rank]
    assert average_precision(ranks) == pytest.approx(ap, abs=1e-6)


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=30), st.data())
def test_ranks_equal_a_stable_sort(values: list[int], data: st.DataObject) -> None:
    scores = np.array(values, np.float32)
    junk = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    scores[junk] = -np.inf
    valid = np.flatnonzero(~junk).tolist()
    positives = np.array(sorted(data.draw(st.sets(st.sampled_from(valid)) if valid else st.just(set()))), np.int64)
    order = [at for _, at in sorted((-scores[at], at) for at in valid)]
    expected = sorted(order.index(at) + 1 for at in positives)
    assert query_ranks(scores, positives).stable.tolist() == expected


@given(st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=5), st.data())
def test_rows_are_placed_as_each_alone(rows: list[list[int]], data: st.DataObject) -> None:
    scores = np.array(rows, np.float32)
    positives = [np.array(sorted(data.draw(st.sets(st.integers(0, 5)))), np.int64) for _ in rows]
    bounds = np.cumsum([0, *map(len, positives)])
    found = positive_ranks(scores, np.concatenate(positives), bounds)
    for at, placed in enumerate(found.queries()):
        for column, alone in zip(placed, query_ranks(scores[at], positives[at]), strict=True):
            assert column.tolist() == alone.tolist()


@given(st.lists(st.lists(st.integers(-1, 1), min_size=6, max_size=6), min_size=1, max_size=5), st.data())
def test_a_table_says_of_every_query_what_it_says_alone(rows: list[list[int]], data: st.DataObject) -> None:
    positives = [np.array(sorted(data.draw(st.sets(st.integers(0, 5)))), np.int64) for _ in rows]
    alone = [query_ranks(np.array(row, np.float32), found) for row, found in zip(rows, positives, strict=True)]
    table = RankTable.stack([RankTable.of(alone[:2]), RankTable.of([]), RankTable.of(alone[2:])])
    assert table.has_ties.tolist() == [ranks.has_ties for ranks in alone]
    for ties in ("stable", "pessimistic", "optimistic"):
        assert table.under(ties).tolist() == [rank for ranks in alone for rank in ranks.under(ties).tolist()]
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), np.bool_)
    kept = [ranks.stable.tolist() for ranks, keep in zip(alone, chosen, strict=True) if keep]
    assert [ranks.stable.tolist() for ranks in table.where(chosen).queries()] == kept


@given(st.lists(ranks_of_one_query, min_size=1, max_size=4), st.sampled_from(RULES))
def test_queries_at_once_are_a_walk_down_each_ranking(queries: list[list[int]], rule: ApRule) -> None:
    counts = np.array([len(ranks) for ranks in queries])
    together = np.concatenate([np.array(ranks) for ranks in queries])
    found, penalties = average_precisions(together, counts, rule), inverse_negative_penalties(together, counts)
    for at, ranks in enumerate(queries):
        total, hits = 0.0, 0
        for place in range(1, ({"at_k": rule.k, "at_r": len(ranks)}.get(rule.method, 60)) + 1):
            before = hits / (place - 1) if place > 1 else 1.0
            hits += place in ranks
            if place in ranks:
                total += (hits / place + before) / 2 if rule.method == "trapezoid" else hits / place
        divisors = {"n": len(ranks), "min_k_n": min(rule.k, len(ranks)), "hits": hits}
        divisor = divisors[rule.denominator] if rule.method == "at_k" else len(ranks)
        assert found[at] == pytest.approx(total / divisor if divisor else 0.0)
        assert penalties[at] == pytest.approx(len(ranks) / max(ranks))


@given(ranks_of_one_query)
def test_step_ap_is_scikit_learns_where_nothing_is_tied(ranks: list[int]) -> None:
    truth = np.zeros(60)
    truth[np.array(ranks) - 1] = 1
    assert average_precision(np.array(ranks)) == pytest.approx(average_precision_score(truth, -np.arange(60.0)))


@given(ranks_of_one_query, st.sampled_from([ApRule("step"), ApRule("trapezoid"), ApRule("at_k", 20, "n")]))
def test_ap_is_a_fraction_and_one_only_for_a_perfect_ranking(ranks: list[int], rule: ApRule) -> None:
    value = average_precision(np.array(ranks), rule)
    perfect = ranks == list(range(1, len(ranks) + 1))
    assert value == pytest.approx(1) if perfect else 0 <= value < 1


@given(st.integers(1, 1000))
def test_with_one_positive_trapezoid_is_the_mean_of_rank_1_and_step(rank: int) -> None:
    ranks = np.array([rank])
    expected = ((rank == 1) + average_precision(ranks, "step")) / 2
    assert average_precision(ranks, "trapezoid") == pytest.approx(expected, abs=1e-12)


def test_inp_is_the_precision_at_the_hardest_positive() -> None:
    assert inverse_negative_penalty(np.array([1, 2, 8])) == pytest.approx(3 / 8)


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=30), st.data())
def test_sklearn_ap_is_scikit_learns_with_ties(values: list[int], data: st.DataObject) -> None:
    scores = np.array(values, np.float32)
    truth = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    truth[0] = True
    found = threshold_precision(query_ranks(scores, np.flatnonzero(truth)))
    assert found == pytest.approx(average_precision_score(truth, scores))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ApRule("at_r"), (1 + 2 / 3) / 3),
        (ApRule("at_k", 2, "n"), 1 / 3),
        (ApRule("at_k", 2, "min_k_n"), 1 / 2),
        (ApRule("at_k", 2, "hits"), 1),
        (ApRule("at_k", 10, "min_k_n"), (1 + 2 / 3 + 3 / 9) / 3),
    ],
)
def test_ap_cut_off(rule: ApRule, expected: float) -> None:
    assert average_precision(np.array([1, 3, 9]), rule) == pytest.approx(expected)


def test_no_hit_within_the_cut_off_is_nothing() -> None:
    assert average_precision(np.array([5]), ApRule("at_k", 2, "hits")) == 0
