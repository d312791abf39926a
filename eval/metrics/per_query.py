"""Metrics query by query from where their positives stand, under any tie policy, and all definitions side by side.

A query without a positive counts 0 in everything, unless asked otherwise; whether it is counted is the denominator's
matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from eval.metrics.ranking import (
    AP_DENOMINATORS,
    AP_METHODS,
    TIE_POLICIES,
    ApRule,
    Placed,
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
    placed: Sequence[Placed], length: int, ties: Ties, without_positive: Literal["miss", "hit"] = "miss"
) -> NDArray[np.float64]:
    """Whether (how likely, for ``expected``) a query's first positive stands at rank k or better.

    Args:
        placed: (queries,).
        length: how many ranks.
        ties: the policy.
        without_positive: what a query without a positive is at every rank. ``hit`` is OML's convention for CMC: what
            cannot be found counts as found, which flatters.

    Returns:
        (queries, length) values in [0, 1], non-decreasing along a row.
    """
    empty = 1 if without_positive == "hit" else np.iinfo(np.int64).max
    first = np.array([each.under(_definite(ties))[0] if len(each.ranks) else empty for each in placed], np.int64)
    matches = (first[:, None] <= np.arange(1, length + 1)).astype(np.float64)
    for row in _undecided(placed, ties):
        matches[row] = expected_match(placed[row], length)
    return matches


def query_precisions(placed: Sequence[Placed], rule: ApRule, ties: Ties) -> NDArray[np.float64]:
    """Average precision of every query: (queries,)."""
    if rule.method == "sklearn":
        return np.array([threshold_precision(each) if len(each.ranks) else 0.0 for each in placed])
    values = _where_found(placed, ties, lambda ranks, counts: average_precisions(ranks, counts, rule))
    for row in _undecided(placed, ties):
        values[row] = expected_average_precision(placed[row], rule)
    return values


def query_penalties(placed: Sequence[Placed], ties: Ties) -> NDArray[np.float64]:
    """Inverse negative penalty of every query: (queries,)."""
    values = _where_found(placed, ties, inverse_negative_penalties)
    for row in _undecided(placed, ties):
        values[row] = expected_inverse_negative_penalty(placed[row])
    return values


def all_definitions(placed: Sequence[Placed], k: int) -> list[Definition]:
    """Rank-1, mAP by every definition and mINP, under every tie policy and denominator.

    Args:
        placed: (queries,), at least one with a positive.
        k: of ``at_k``.
    """
    found = []
    counts = {"valid": sum(len(each.ranks) > 0 for each in placed), "all": len(placed)}
    for ties in TIE_POLICIES:
        totals = [(Definition(metric="rank_1"), query_matches(placed, 1, ties)[:, 0].sum())]
        for rule in definitions_of_ap(k):
            at_k = rule.method == "at_k"
            name = Definition(
                metric="mean_ap",
                ap_method=rule.method,
                ap_k=k if at_k else None,
                ap_denominator=rule.denominator if at_k else None,
            )
            totals.append((name, query_precisions(placed, rule, ties).sum()))
        totals.append((Definition(metric="mean_inp"), query_penalties(placed, ties).sum()))
        for name, total in totals:
            for denominator, count in counts.items():
                update = {"ties": ties, "denominator": denominator, "value": float(total / count)}
                found.append(name.model_copy(update=update))
    return found


def definitions_of_ap(k: int) -> list[ApRule]:
    """Every definition of average precision; those at k with every denominator."""
    plain = [ApRule(method) for method in AP_METHODS if method != "at_k"]
    return [*plain, *(ApRule("at_k", k, denominator) for denominator in AP_DENOMINATORS)]


def mean_definitions(tables: Sequence[Sequence[Definition]]) -> tuple[Definition, ...]:
    """Mean over draws and parts of what :func:`all_definitions` gives for each."""
    return tuple(
        same[0].model_copy(update={"value": float(np.mean([each.value for each in same]))})
        for same in zip(*tables, strict=True)
    )


def _definite(ties: Ties) -> Ties:
    """The policy for queries whose ranks no order of ties can change."""
    return "stable" if ties == "expected" else ties


def _undecided(placed: Sequence[Placed], ties: Ties) -> list[int]:
    """Queries whose figures are expectations over the orders of their ties."""
    return [row for row, each in enumerate(placed) if each.has_ties] if ties == "expected" else []


def _where_found(
    placed: Sequence[Placed], ties: Ties, metric: Callable[[Int64, Int64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Values (queries,) of a metric of (ranks of all positives, positives per query); 0 without a positive."""
    counts = np.array([len(each.ranks) for each in placed], np.int64)
    values = np.zeros(len(placed))
    if counts.any():
        ranks = np.concatenate([each.under(_definite(ties)) for each in placed])
        values[counts > 0] = metric(ranks, counts[counts > 0])
    return values
