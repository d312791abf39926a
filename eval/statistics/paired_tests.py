"""Paired comparison of two systems on the same queries: interval, randomisation test and exact McNemar test."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.results.schema import Metric
from eval.statistics.intervals import ROUNDING
from eval.statistics.query_summary import DrawTable, summarise
from retrieval.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLIPS_AT_ONCE = 1000
"""Random exchanges of :func:`sign_flip_p` that exist at one time."""


class PairedDifference(NamedTuple):
    """One metric of B minus A.

    ``metric`` is the difference with its paired interval and deviation over draws; ``p_value`` is of
    :func:`sign_flip_p`; ``draws_up``, ``draws_equal``, ``draws_down`` count draws in which B is higher, equal, lower.
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

    The interval is the identity bootstrap of :func:`eval.statistics.query_summary.summarise` on the differences of the
    query values: both systems get the same weights in every resample, so queries that are hard for both cancel.

    Args:
        names: of the metrics, in the order of the columns of the tables.
        first: per part the draws of system A.
        second: the same for B: the same queries in the same order.
        resamples: number of bootstrap resamples, and of random exchanges in the test.
        rng: generator of both; it is copied, so its state does not change.

    Raises:
        InputError: the queries are not the same.
    """
    _require_same(first, second)
    apart = [
        [DrawTable(b.values - a.values, a.units) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(first, second, strict=True)
    ]
    summary = summarise(names, apart, resamples, rng, proportions=False)
    p_values = sign_flip_p(apart, resamples, copy.deepcopy(rng))
    differences = {}
    for at, name in enumerate(names):
        changes = [draw[name] for draw in summary.draws]
        signs = np.where(np.abs(changes) > ROUNDING, np.sign(changes), 0).tolist()
        counts = (signs.count(1), signs.count(0), signs.count(-1))
        differences[name] = PairedDifference(summary.metrics[name], float(p_values[at]), *counts)
    return differences


def sign_flip_p(apart: Parts, flips: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Two-sided p-value of each metric by randomisation over units (Fisher 1935; Pitman 1937).

    If A and B were equally good, exchanging them for an identity would change only the sign of the difference of that
    identity, in all draws and parts together. p is the fraction of random exchanges, the observed difference D
    included, whose mean difference D* is at least as far from zero: (1 + #{abs(D*) >= abs(D)}) / (1 + flips).

    Args:
        apart: per part and draw the differences of the query values, (queries, metrics), and their units.
        flips: number of random exchanges; 0 gives p = 1.
        rng: source of the exchanges.

    Returns:
        (metrics,) p-values, each at least 1 / (1 + flips).
    """
    units = np.unique(np.concatenate([table.units for draws in apart for table in draws]))
    shares = np.zeros((len(units), apart[0][0].values.shape[1]))
    for draws in apart:
        for table in draws:
            weight = 1 / (len(table.units) * len(draws) * len(apart))
            np.add.at(shares, np.searchsorted(units, table.units), table.values * weight)
    observed = np.abs(shares.sum(axis=0))
    rounding = 1e-12 * np.abs(shares).sum(axis=0)
    farther = np.zeros(shares.shape[1], np.int64)
    for start in range(0, flips, FLIPS_AT_ONCE):
        signs = 2.0 * rng.integers(0, 2, (min(FLIPS_AT_ONCE, flips - start), len(units))) - 1
        farther += (np.abs(signs @ shares) >= observed - rounding).sum(axis=0)
    p_values: NDArray[np.float64] = (1 + farther) / (1 + flips)
    return p_values


def mcnemar(first: Parts, second: Parts, column: int) -> McNemar | None:
    """Exact McNemar test (McNemar 1947, binomial form) on a metric that is 0 or 1 per query, all parts together.

    It assumes that queries are independent. Those of one identity are not, so its p-value is too small;
    :func:`sign_flip_p` accounts for it.

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
