"""Is the difference of two systems on the same queries real: paired interval, randomisation test, exact McNemar."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.results.schema import Metric
from eval.statistics.intervals import ROUNDING
from eval.statistics.query_figures import DrawTable, summarise
from retrieval.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLIPS_AT_ONCE = 1000


class Difference(NamedTuple):
    """One metric of B minus A.

    ``metric`` is the difference with its paired interval and deviation over draws; ``p_value`` is of
    :func:`sign_flip_p`; ``draws_up``, ``draws_equal``, ``draws_down`` count draws in which B is higher, as high, lower.
    """

    metric: Metric
    p_value: float
    draws_up: int
    draws_equal: int
    draws_down: int


class McNemar(NamedTuple):
    """Queries that only A, or only B, gets right, per draw; ``p_values`` per draw, and one ``p_value`` for all.

    With several draws ``p_value`` is twice the mean of the draws' (at most 1), which is valid however they depend on
    each other (Rüschendorf 1982; Vovk and Wang 2020), if cautious.
    """

    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    p_values: tuple[float, ...]
    p_value: float


Parts = Sequence[Sequence[DrawTable]]


def paired_differences(
    names: Sequence[str], first: Parts, second: Parts, resamples: int, rng: np.random.Generator
) -> dict[str, Difference]:
    """Compare two systems that answered the same queries: second minus first.

    The interval is the identity bootstrap of :func:`eval.statistics.query_figures.summarise` on the differences of the
    query values: both systems get the same weights in every resample, so what is hard for both cancels.

    Args:
        names: of the metrics, as the columns of the tables.
        first: per part the draws of system A.
        second: the same for B: the same queries in the same order.
        resamples: of the bootstrap, and of the randomisation test.
        rng: where both start; it is copied, not used up.

    Raises:
        InputError: the queries are not the same.
    """
    _require_same(first, second)
    apart = [
        [DrawTable(b.values - a.values, a.units) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(first, second, strict=True)
    ]
    summary = summarise(names, apart, resamples, rng, shares=False)
    p_values = sign_flip_p(apart, resamples, copy.deepcopy(rng))
    found = {}
    for at, name in enumerate(names):
        changes = [draw[name] for draw in summary.draws]
        signs = np.where(np.abs(changes) > ROUNDING, np.sign(changes), 0).tolist()
        counts = (signs.count(1), signs.count(0), signs.count(-1))
        found[name] = Difference(summary.metrics[name], float(p_values[at]), *counts)
    return found


def sign_flip_p(apart: Parts, flips: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Two-sided p-value of each metric by randomisation over units (Fisher 1935; Pitman 1937).

    If A and B were alike, exchanging them for a person would change nothing but the sign of that person's
    difference, in all draws and parts together. p is the share of random exchanges, and of what was seen, whose mean
    difference is at least as far from zero: (1 + #{abs(D*) >= abs(D)}) / (1 + flips).

    Args:
        apart: per part and draw the differences of the query values, (queries, metrics), and their units.
        flips: how many random exchanges; 0 gives p = 1.
        rng: where they come from.

    Returns:
        (metrics,) p-values, each at least 1 / (1 + flips).
    """
    units = np.unique(np.concatenate([table.units for draws in apart for table in draws]))
    shares = np.zeros((len(units), apart[0][0].values.shape[1]))
    for draws in apart:
        for table in draws:
            weight = 1 / (len(table.units) * len(draws) * len(apart))
            np.add.at(shares, np.searchsorted(units, table.units), table.values * weight)
    seen = np.abs(shares.sum(axis=0))
    rounding = 1e-12 * np.abs(shares).sum(axis=0)
    farther = np.zeros(shares.shape[1], np.int64)
    for start in range(0, flips, FLIPS_AT_ONCE):
        signs = 2.0 * rng.integers(0, 2, (min(FLIPS_AT_ONCE, flips - start), len(units))) - 1
        farther += (np.abs(signs @ shares) >= seen - rounding).sum(axis=0)
    p_values: NDArray[np.float64] = (1 + farther) / (1 + flips)
    return p_values


def mcnemar(first: Parts, second: Parts, column: int) -> McNemar | None:
    """Exact McNemar test (McNemar 1947, binomial form) on a metric that is 0 or 1 per query, all parts together.

    It takes queries for independent; those of one person are not, so beside :func:`sign_flip_p` it is too sure.

    Args:
        first: per part the draws of system A.
        second: the same queries answered by B.
        column: of the metric.

    Returns:
        The test, or None where a value is neither 0 nor 1 (the expectation over ties).
    """
    only_a, only_b = [], []
    for draw in range(len(first[0])):
        a, b = (np.concatenate([part[draw].values[:, column] for part in parts]) for parts in (first, second))
        if not np.isin([*a, *b], [0, 1]).all():
            return None
        only_a.append(int((a > b).sum()))
        only_b.append(int((b > a).sum()))
    p_values = tuple(exact_sign_p(up, down) for up, down in zip(only_b, only_a, strict=True))
    together = p_values[0] if len(p_values) == 1 else min(1.0, 2 * float(np.mean(p_values)))
    return McNemar(tuple(only_a), tuple(only_b), p_values, together)


def exact_sign_p(up: int, down: int) -> float:
    """Two-sided binomial p-value of ``up`` against ``down`` under equal chances: min(1, 2 P(X <= min(up, down)))."""
    n, term, tail = up + down, 1, 0
    for wins in range(min(up, down) + 1):
        tail += term
        term = term * (n - wins) // (wins + 1)
    return min(1.0, 2 * tail / (1 << n))


def to_dict(differences: Mapping[str, Difference]) -> dict[str, dict[str, object]]:
    """Plain values for JSON."""
    return {
        name: {
            "difference": found.metric.value,
            "ci95": found.metric.ci95,
            "sd_draws": found.metric.sd_draws,
            "p_value": found.p_value,
            "draws": {"up": found.draws_up, "equal": found.draws_equal, "down": found.draws_down},
        }
        for name, found in differences.items()
    }


def _require_same(first: Parts, second: Parts) -> None:
    shapes = [[[table.units.tolist() for table in draws] for draws in parts] for parts in (first, second)]
    if shapes[0] != shapes[1]:
        raise InputError("The two evaluations count different queries, so their values cannot be paired.")
