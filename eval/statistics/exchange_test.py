"""Randomisation test of the difference of two systems, and the interval of the differences that it does not reject.

Both come from the same exchanges, so they agree: 0 is in the interval exactly where p > .05.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.statistics.distributions import student_quantile
from eval.statistics.intervals import TAIL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

LEVEL = 2 * TAIL
"""Differences with p-values up to this one are not in the interval."""

FEWEST_UNITS = 6
"""With fewer units no p-value is :data:`LEVEL` or less: that of five, all in favour of one system, is 2 / 2^5."""

ENOUGH_UNITS, UNITS_FOR_ONE = 6, 4
"""Units that differ are enough to know their spread if they are six, or one in four of few units."""

ROUNDING = 1e-10
"""Differences that differ by no more are equal."""

CELLS_AT_ONCE = 2_000_000
"""Signs of units that exist at one time (16 MB)."""


class Exchanges(NamedTuple):
    """Differences (metrics, n) of two systems after each of n exchanges, and ``balance`` (metrics, n).

    The balance is the share of the observations that were not exchanged, less the share that were. The first column
    is of no exchange: the observed differences, and ones.
    """

    differences: Float64
    balance: Float64


class UnitDifferences(NamedTuple):
    """What every unit contributes to a difference.

    ``amounts`` (units, metrics) sum to the differences; ``shares`` (units, metrics), of the observations, sum to 1;
    ``observations`` is the mean number of observations of a unit.
    """

    amounts: Float64
    shares: Float64
    observations: float


def exchange_signs(units: int, exchanges: int, rng: np.random.Generator) -> Iterator[Float64]:
    """Yield blocks of signs (units, n): -1 where both systems are exchanged for a unit. The first column is all 1.

    If there are no more than ``exchanges`` ways to exchange units, each comes once, else random ones come after the
    first.

    Args:
        units: number of units.
        exchanges: number of random exchanges.
        rng: source of the exchanges.
    """
    if units < exchanges.bit_length():
        every = np.arange(2**units) >> np.arange(units)[:, None] & 1
        yield (1 - 2 * every).astype(np.float64)
        return
    yield np.ones((units, 1))
    step = max(1, CELLS_AT_ONCE // units)
    for start in range(0, exchanges, step):
        yield (1 - 2 * rng.integers(0, 2, (units, min(step, exchanges - start)))).astype(np.float64)


def exchange_p(exchanges: Exchanges) -> Float64:
    """Two-sided p-values (metrics,): the fraction of exchanges whose difference is at least as far from 0.

    If the systems were equally good, exchanging their answers for a unit would change nothing (Fisher 1935; Pitman
    1937). The observed difference is one of the exchanges, so p is never 0.
    """
    distance = np.abs(exchanges.differences)
    p_values: Float64 = (distance >= distance[:, :1] - ROUNDING).mean(axis=1)
    return p_values


def exchange_interval(exchanges: Exchanges) -> Float64:
    """95 % interval of each difference: the values d that the randomisation test does not reject.

    To test d, d times its share is first taken from the difference of every unit. So an exchange with difference D*
    and balance B is as far from d as the observed difference D if abs(D* - d B) >= abs(D - d): for all d between
    (D - D*) / (1 - B) and (D + D*) / (1 + B), and D is among them. The ends are order statistics of these roots
    (inverting a randomisation test: Pitman 1937; Tritchler, JASA 1984), and no distribution is assumed but that the
    deviations of units are symmetric.

    Returns:
        (metrics, 2); an end is infinite where no exchange excludes any value.
    """
    observed = exchanges.differences[:, :1]
    apart, against = observed - exchanges.differences, observed + exchanges.differences
    left, right = 1 - exchanges.balance, 1 + exchanges.balance
    bounded = (left > ROUNDING) & (right > ROUNDING)
    roots = np.stack(
        [
            np.where(np.abs(gap) > ROUNDING, gap, 0) / np.where(bounded, rest, 1)
            for gap, rest in ((apart, left), (against, right))
        ]
    )
    rank = int(LEVEL * exchanges.differences.shape[1] + ROUNDING)
    low = np.partition(np.where(bounded, roots.min(axis=0), -np.inf), rank, axis=1)[:, rank]
    high = -np.partition(np.where(bounded, -roots.max(axis=0), -np.inf), rank, axis=1)[:, rank]
    return np.stack([low, high], axis=1)


def exchange_units(units: UnitDifferences, exchanges: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Test differences that are sums over units: intervals (metrics, 2) and p-values (metrics,).

    Args:
        units: their contributions.
        exchanges: number of random exchanges; 0 gives infinite intervals and p = 1.
        rng: source of the exchanges.
    """
    blocks = [
        (units.amounts.T @ signs, units.shares.T @ signs)
        for signs in exchange_signs(len(units.amounts), exchanges, rng)
    ]
    made = Exchanges(*(np.concatenate(side, axis=1) for side in zip(*blocks, strict=True)))
    return exchange_interval(made), exchange_p(made)


def finite_ends(ends: Float64) -> tuple[float, float] | None:
    """Return the two ends of an interval, or None if one is infinite."""
    low, high = ends.tolist()
    return (low, high) if np.isfinite(ends).all() else None


def missing_intervals(units: int, noun: str) -> tuple[str, ...]:
    """Warn that differences have no interval, with too few units.

    Args:
        units: number of units that are exchanged.
        noun: what they are, in plural.
    """
    if units >= FEWEST_UNITS:
        return ()
    reason = f"with {units} {noun} no p-value can be {LEVEL:g} or less, so no difference is excluded"
    return (f"Differences have no interval: {reason}; {FEWEST_UNITS} are the fewest.",)


def widen_by_unseen(ends: Float64, units: UnitDifferences) -> Float64:
    """Widen intervals of differences between -1 and 1 that come from few units that differ.

    If nearly all units are equal, the few others say little of what more units would show, and nothing if there is
    none. Therefore an end is at least x away from the difference, where x is the root of
    x^2 = (1 - u) t^2 s^2 + u t^2 (m r + m x - x^2) / n. The first term is of the standard error s of the difference;
    the second is Wilson's (1927), of the rate r at which n units differ by m: r is the sum of the absolute amounts, n
    the effective number of units, m the largest difference of a unit (of one observation, if no unit differs). The
    fraction u is what the sample does not tell: 1 if no unit differs, 0 if :data:`ENOUGH_UNITS` differ or one in
    :data:`UNITS_FOR_ONE`; units that differ are counted as (sum d^2)^2 / sum d^4. An interval without 0 stays without
    0.

    Args:
        ends: (metrics, 2) of :func:`exchange_interval`.
        units: of the differences.

    Returns:
        (metrics, 2) within [-1, 1]; no end is moved inwards, except to -1 or 1. Infinite intervals stay as they are.
    """
    amounts, shares = units.amounts, units.shares
    size = max(len(amounts), 2)
    difference, rate = amounts.sum(axis=0), np.abs(amounts).sum(axis=0)
    squares, fourths = (amounts**2).sum(axis=0), (amounts**4).sum(axis=0)
    differing = np.where(fourths > 0, squares**2 / np.where(fourths > 0, fourths, 1), 0)
    crowd = (shares**2).sum(axis=0)  # 1 / effective number of units
    unknown = np.maximum(1 - differing / np.minimum(ENOUGH_UNITS, 1 / crowd / UNITS_FOR_ONE), 0)
    square = student_quantile(size - 1, TAIL) ** 2
    spread = square * size / (size - 1) * ((amounts - difference * shares) ** 2).sum(axis=0)
    largest = np.abs(np.divide(amounts, shares, out=np.zeros_like(amounts), where=shares > 0)).max(axis=0)
    largest = np.where(rate > ROUNDING, np.minimum(largest, 1), 1 / units.observations)
    unseen = square * unknown * crowd
    linear, constant = unseen * largest, (1 - unknown) * spread + unseen * largest * rate
    reach = (linear + np.sqrt(linear**2 + 4 * (1 + unseen) * constant)) / (2 * (1 + unseen))
    low = np.where(ends[:, 0] > 0, ends[:, 0], np.minimum(ends[:, 0], difference - reach))
    high = np.where(ends[:, 1] < 0, ends[:, 1], np.maximum(ends[:, 1], difference + reach))
    wide = np.clip(np.stack([low, high], axis=1), -1, 1)
    return np.where(np.isfinite(ends).all(axis=1, keepdims=True), wide, ends)
