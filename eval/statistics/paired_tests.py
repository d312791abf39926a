"""Paired comparison of two systems on the same queries: interval, randomisation test and exact McNemar test."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eval.results.schema import Metric
from eval.statistics.exchange_test import UnitDifferences, exchange_units, finite_ends, widen_by_unseen
from eval.statistics.intervals import ROUNDING
from eval.statistics.query_summary import DrawTable, summarise
from retrieval.errors import InputError


class PairedDifference(NamedTuple):
    """One metric of B minus A.

    ``metric`` is the difference with its interval and deviation over draws; ``p_value`` is of the same randomisation
    test as the interval; ``draws_up``, ``draws_equal``, ``draws_down`` count draws in which B is higher, equal, lower.
    """

    metric: Metric
    p_value: float
    draws_up: int
    draws_equal: int
    draws_down: int


class McNemar(NamedTuple):
    """Numbers of queries that only A, or only B, gets right, per draw; ``p_values`` per draw, one ``p_value`` for all.

    With several draws ``p_value`` is twice the mean of the draws' (at most 1), which is valid, though conservative,
    under any dependence (Rüschendorf 1982; Vovk and Wang 2020).
    """

    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    p_values: tuple[float, ...]
    p_value: float


Parts = Sequence[Sequence[DrawTable]]


def paired_differences(
    names: Sequence[str], first: Parts, second: Parts, resamples: int, rng: np.random.Generator
) -> dict[str, PairedDifference]:
    """Compare two systems that answered the same queries: second minus first.

    Interval and p-value are of one randomisation test (:mod:`eval.statistics.exchange_test`), which exchanges the two
    systems for a unit in all draws and parts together. The interval is widened where few units differ
    (:func:`eval.statistics.exchange_test.widen_by_unseen`), unless the systems are the same: all metrics of all queries
    are equal, and not all of them 0 or 1. There is none with fewer than
    :data:`eval.statistics.exchange_test.FEWEST_UNITS` units.

    Args:
        names: of the metrics, in the order of the columns of the tables; each between 0 and 1.
        first: per part the draws of system A.
        second: the same for B: the same queries in the same order.
        resamples: number of random exchanges; 0 gives no interval and p = 1.
        rng: generator of the exchanges; it is copied, so its state does not change.

    Raises:
        InputError: the queries are not the same.
    """
    _require_same(first, second)
    apart = [
        [DrawTable(b.values - a.values, a.units) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(first, second, strict=True)
    ]
    summary = summarise(names, apart, 0, rng)
    units = _unit_differences(apart)
    ends, p_values = exchange_units(units, resamples, copy.deepcopy(rng))
    if not _same_rankings(first, second):
        ends = widen_by_unseen(ends, units)
    differences = {}
    for at, name in enumerate(names):
        changes = [draw[name] for draw in summary.draws]
        signs = np.where(np.abs(changes) > ROUNDING, np.sign(changes), 0).tolist()
        counts = (signs.count(1), signs.count(0), signs.count(-1))
        metric = summary.metrics[name].model_copy(update={"ci95": finite_ends(ends[at])})
        differences[name] = PairedDifference(metric, float(p_values[at]), *counts)
    return differences


def _same_rankings(first: Parts, second: Parts) -> bool:
    """Whether all values are equal and some are between 0 and 1, as of different rankings they hardly are."""
    ours, theirs = (np.concatenate([table.values for draws in parts for table in draws]) for parts in (first, second))
    return np.array_equal(ours, theirs) and not np.isin(ours, [0, 1]).all()


def _unit_differences(apart: Parts) -> UnitDifferences:
    """What the units contribute to the mean over parts and draws of the mean of the differences ``apart``."""
    tables = [table for draws in apart for table in draws]
    units = np.unique(np.concatenate([table.units for table in tables]))
    amounts = np.zeros((len(units), tables[0].values.shape[1]))
    shares = np.zeros(len(units))
    for draws in apart:
        for table in draws:
            at, weight = np.searchsorted(units, table.units), 1 / (len(table.units) * len(draws) * len(apart))
            np.add.at(amounts, at, table.values * weight)
            np.add.at(shares, at, weight)
    observations = sum(len(table.units) for table in tables) / len(apart[0]) / len(units)
    return UnitDifferences(amounts, np.broadcast_to(shares[:, None], amounts.shape), observations)


def mcnemar(first: Parts, second: Parts, column: int) -> McNemar | None:
    """Exact McNemar test (McNemar 1947, binomial form) on a metric that is 0 or 1 per query, all parts together.

    It assumes that queries are independent. Those of one identity are not, so its p-value is too small;
    :func:`paired_differences` accounts for it.

    Args:
        first: per part the draws of system A.
        second: the same queries answered by B.
        column: of the metric.

    Returns:
        The test, or None if a value is neither 0 nor 1 (an expectation over ties).
    """
    only_a, only_b = [], []
    for draw in range(len(first[0])):
        a, b = (np.concatenate([part[draw].values[:, column] for part in parts]) for parts in (first, second))
        if not np.isin([*a, *b], [0, 1]).all():
            return None
        only_a.append(int((a > b).sum()))
        only_b.append(int((b > a).sum()))
    p_values = tuple(_sign_test(up, down) for up, down in zip(only_b, only_a, strict=True))
    together = p_values[0] if len(p_values) == 1 else min(1.0, 2 * float(np.mean(p_values)))
    return McNemar(tuple(only_a), tuple(only_b), p_values, together)


def _sign_test(up: int, down: int) -> float:
    """Two-sided p-value of the exact binomial test of ``up`` against ``down``; 1 if both are 0."""
    from scipy.stats import binomtest

    return float(binomtest(up, up + down).pvalue) if up + down else 1.0


def to_dict(differences: Mapping[str, PairedDifference]) -> dict[str, dict[str, object]]:
    """Convert to plain values for JSON."""
    return {
        name: {
            "difference": difference.metric.value,
            "ci95": difference.metric.ci95,
            "sd_draws": difference.metric.sd_draws,
            "p_value": difference.p_value,
            "draws": {"up": difference.draws_up, "equal": difference.draws_equal, "down": difference.draws_down},
        }
        for name, difference in differences.items()
    }


def _require_same(first: Parts, second: Parts) -> None:
    shapes = [[[table.units.tolist() for table in draws] for draws in parts] for parts in (first, second)]
    if shapes[0] != shapes[1]:
        raise InputError("The two evaluations count different queries, so their values cannot be paired.")
