"""Metrics of every query from the ranks of its positives, under any tie policy, and under all definitions at once.

A query without a positive is 0 in every metric, unless stated otherwise; the caller decides whether it is averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from eval.metrics.ranking import (
    AP_DENOMINATORS,
    AP_METHODS,
    TIE_POLICIES,
    ApRule,
    PositiveRanks,
    RankTable,
    Ties,
    average_precisions,
    inverse_negative_penalties,
    threshold_precision,
)
from eval.metrics.tied_ranking import expected_average_precision, expected_inverse_negative_penalty, expected_match
from eval.results.schema import Definition
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


def query_matches(
    positives: RankTable, length: int, ties: Ties, without_positive: Literal["miss", "hit"] = "miss"
) -> NDArray[np.float64]:
    """Whether a query's first positive is at rank k or better, or how likely that is if ``ties`` is ``expected``.

    Args:
        positives: ranks of the positives of each query.
        length: number of ranks k.
        ties: the tie policy.
        without_positive: how a query without a positive counts at every rank. ``hit`` is OML's convention for CMC; it
            makes results look better.

    Returns:
        (queries, length) values in [0, 1], non-decreasing along a row.
    """
    empty = 1 if without_positive == "hit" else np.iinfo(np.int64).max
    is_ranked = positives.counts > 0
    first = np.full(len(is_ranked), empty, np.int64)
    first[is_ranked] = positives.under(_definite(ties))[positives.bounds[:-1][is_ranked]]
    matches = (first[:, None] <= np.arange(1, length + 1)).astype(np.float64)
    for row, query in _undecided(positives, ties):
        matches[row] = expected_match(query, length)
    return matches


def query_precisions(positives: RankTable, rule: ApRule, ties: Ties) -> NDArray[np.float64]:
    """Average precision (queries,) of every query.

    Args:
        positives: ranks of the positives of each query.
        rule: the definition.
        ties: the tie policy.
    """
    if rule.method == "sklearn":
        return np.array([threshold_precision(query) if len(query.stable) else 0.0 for query in positives.queries()])
    values = _of_definite_ranks(positives, ties, lambda ranks, counts: average_precisions(ranks, counts, rule))
    for row, query in _undecided(positives, ties):
        values[row] = expected_average_precision(query, rule)
    return values


def query_penalties(positives: RankTable, ties: Ties) -> NDArray[np.float64]:
    """Inverse negative penalty (queries,) of every query; arguments as of :func:`query_precisions`."""
    values = _of_definite_ranks(positives, ties, inverse_negative_penalties)
    for row, query in _undecided(positives, ties):
        values[row] = expected_inverse_negative_penalty(query)
    return values


def all_definitions(positives: RankTable, k: int) -> list[Definition]:
    """Compute Rank-1, mAP by every definition and mINP, under every tie policy and denominator.

    Args:
        positives: ranks of the positives of each query; at least one query has a positive.
        k: cut-off of the definition ``at_k``.
    """
    definitions = []
    counts = {"valid": int((positives.counts > 0).sum()), "all": len(positives.counts)}
    for ties in TIE_POLICIES:
        totals = [(Definition(metric="rank_1"), query_matches(positives, 1, ties)[:, 0].sum())]
        for rule in ap_definitions(k):
            at_k = rule.method == "at_k"
            name = Definition(
                metric="mean_ap",
                ap_method=rule.method,
                ap_k=k if at_k else None,
                ap_denominator=rule.denominator if at_k else None,
            )
            totals.append((name, query_precisions(positives, rule, ties).sum()))
        totals.append((Definition(metric="mean_inp"), query_penalties(positives, ties).sum()))
        for name, total in totals:
            for denominator, count in counts.items():
                update = {"ties": ties, "denominator": denominator, "value": float(total / count)}
                definitions.append(name.model_copy(update=update))
    return definitions


def ap_definitions(k: int) -> list[ApRule]:
    """List every definition of average precision; ``at_k`` with every denominator."""
    plain = [ApRule(method) for method in AP_METHODS if method != "at_k"]
    return [*plain, *(ApRule("at_k", k, denominator) for denominator in AP_DENOMINATORS)]


def mean_definitions(tables: Sequence[Sequence[Definition]]) -> tuple[Definition, ...]:
    """Mean of :func:`all_definitions` over draws and parts."""
    return tuple(
        same[0].model_copy(update={"value": float(np.mean([definition.value for definition in same]))})
        for same in zip(*tables, strict=True)
    )


def _definite(ties: Ties) -> Ties:
    """The policy of queries whose ranks do not depend on the order of ties."""
    return "stable" if ties == "expected" else ties


def _undecided(positives: RankTable, ties: Ties) -> Iterator[tuple[int, PositiveRanks]]:
    """Yield the numbers and ranks of the queries whose metrics are expectations over the orders of their ties."""
    if ties == "expected":
        has_ties = positives.has_ties
        yield from zip(np.flatnonzero(has_ties).tolist(), positives.where(has_ties).queries(), strict=True)


def _of_definite_ranks(
    positives: RankTable, ties: Ties, metric: Callable[[Int64, Int64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Compute a metric (queries,) from the ranks of all positives and the positives per query; 0 without a positive."""
    counts = positives.counts
    values = np.zeros(len(counts))
    if counts.any():
        values[counts > 0] = metric(positives.under(_definite(ties)), counts[counts > 0])
    return values
