"""Bootstrap of metrics over pairs: identities are resampled, and a pair weighs the product of its identities' weights.

A unit is an identity that is resampled, given by its number from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.verification import ErrorCurve, Float64
from eval.statistics.intervals import (
    ROUNDING,
    Trials,
    area_interval,
    bca_interval,
    jackknife_variance,
    widen_by_wilson,
)
from eval.statistics.mean_bootstrap import bootstrap_counts
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIXED = -1
"""Unit of samples that are not resampled; their weight is one."""

GRID = 512
"""Steps of each of the scales that :func:`threshold_grid` combines."""

CELLS_AT_ONCE = 8_000_000
"""Pair weights that exist at one time."""

LEFT_OUT_GROUPS = 200
"""With more units than this, the jackknife leaves out groups of units: its skewness needs no more rows."""


class ScoredPairs(NamedTuple):
    """Pairs with ``scores`` (n,) of the units ``first`` and ``second`` (n,), :data:`FIXED` if not resampled.

    ``counts`` (n,) is the number of pairs that each stands for: one, or more if the pairs were sampled.
    """

    scores: NDArray[np.float64]
    first: Int64
    second: Int64
    counts: NDArray[np.float64]


class CurveEstimates(NamedTuple):
    """Metrics read off curves under weights of the units.

    ``estimates`` (resamples, ..., metrics) are under :func:`bootstrap_weights`, ``whole`` (..., metrics) under
    :func:`equal_weights`, and ``left_out`` (groups, ..., metrics) under :func:`jackknife_weights`.
    """

    estimates: Float64
    whole: Float64
    left_out: Float64


class UnitWeights(NamedTuple):
    """``values`` (units + 1, n): n vectors of weights; the last row, of :data:`FIXED`, is one.

    ``excess`` is how many times more than the jackknife these weights count the variance that couples have alone
    (:func:`couple_fraction`).
    """

    values: NDArray[np.float32]
    excess: float


class PairProblem(NamedTuple):
    """The genuine and impostor pairs that one error curve is computed from."""

    genuine: ScoredPairs
    impostor: ScoredPairs


def bootstrap_weights(units: int, resamples: int, rng: np.random.Generator) -> UnitWeights:
    """Count how often each unit is in each resample."""
    weights = np.ones((units + 1, resamples), np.float32)
    weights[:-1] = bootstrap_counts(units, resamples, rng).T
    return UnitWeights(weights, excess=1)


def equal_weights(units: int) -> UnitWeights:
    """Count every unit once."""
    return UnitWeights(np.ones((units + 1, 1), np.float32), excess=0)


def jackknife_weights(units: int) -> UnitWeights:
    """Leave out one unit at a time; with more than :data:`LEFT_OUT_GROUPS`, one group of units."""
    groups = min(units, LEFT_OUT_GROUPS)
    weights = np.ones((units + 1, groups), np.float32)
    weights[np.arange(units), np.arange(units) % groups] = 0
    return UnitWeights(weights, excess=0)


def threshold_grid(problem: PairProblem) -> Float64:
    """Choose the thresholds at which resampled curves are computed: every score if there are few, else quantiles.

    The grid contains -inf, the impostor scores that 1 ... n impostors reach (:data:`GRID` steps on a logarithmic scale
    and :data:`GRID` on a linear one) and :data:`GRID` genuine quantiles.
    """
    everything = np.unique(np.concatenate([problem.genuine.scores, problem.impostor.scores]))
    if len(everything) > 3 * GRID:
        impostor, genuine = problem.impostor, np.sort(problem.genuine.scores)
        order = np.argsort(-impostor.scores, kind="stable")
        reached = np.cumsum(impostor.counts[order])
        ranks = np.concatenate([np.geomspace(1, reached[-1], GRID), np.linspace(1, reached[-1], GRID)])
        places = np.minimum(np.searchsorted(reached, ranks), len(order) - 1)
        evenly = np.linspace(0, len(genuine) - 1, GRID).astype(np.int64)
        everything = np.unique(np.concatenate([impostor.scores[order[places]], genuine[evenly], everything[-1:]]))
    return np.concatenate([[-np.inf], everything])


class ResampledCurve:
    """Error rates of a set of pairs in resamples of the units.

    With w_u the number of times unit u is drawn, an impostor pair of units u and v weighs w_u w_v and a genuine pair
    of unit u weighs w_u (its second unit is :data:`FIXED`). Pairs are not resampled one by one, because they share
    identities. This is the subsets bootstrap of Bolle, Ratha and Pankanti (CVIU 2004) with the product weights of
    Owen's pigeonhole bootstrap (Annals of Applied Statistics 2007) for the two identities of a pair. Product weights
    spread too much: they count the variance that a couple has alone three times, and leaving units out counts it
    twice. Therefore the FMR of a resample is shrunk, in log odds, towards that of the sample until its spread is about
    that of pairs which depend on each other if they share an identity (Fafchamps and Gubert, Journal of Development
    Economics 2007; Aronow, Samii and Assenova, Political Analysis 2015). Rates of a resample without genuine or without
    impostor pairs are nan.

    Args:
        problem: genuine and impostor pairs.
        thresholds: (t,) ascending.
    """

    def __init__(self, problem: PairProblem, thresholds: Float64) -> None:
        self._problem, self._thresholds = problem, thresholds
        impostor = problem.impostor
        units = int(max(impostor.first.max(initial=0), impostor.second.max(initial=0))) + 1
        self._centre = _share_above(impostor, thresholds, equal_weights(units).values)
        self._couple_fraction = couple_fraction(impostor, thresholds)

    def rates(self, weights: UnitWeights) -> ErrorCurve:
        """Compute the error rates (t, resamples) under weights of the units."""
        problem, at = self._problem, self._thresholds
        fmr, tpr = (_share_above(pairs, at, weights.values) for pairs in (problem.impostor, problem.genuine))
        scale = np.sqrt((1 - self._couple_fraction) / (1 + weights.excess * self._couple_fraction))[:, None]
        shrunk = np.maximum.accumulate(_shrink(self._centre, fmr, scale)[::-1], axis=0)[::-1]
        return ErrorCurve(at, shrunk, 1 - tpr)


def count_couples(pairs: ScoredPairs) -> int:
    """Count the couples (sets of two units); a pair with a side that is not resampled counts by itself."""
    both = _of_two(pairs)
    return len(np.unique(_couples(pairs, both))) + int((~both).sum())


def couple_fraction(pairs: ScoredPairs, thresholds: Float64) -> Float64:
    """Fraction of the jackknife variance of an error rate that couples have alone: (t,), at most one half.

    Let e_uv be the number of pairs of units u and v above a threshold, less its expectation at the overall rate, and
    e_u the sum of e_uv over v. Leaving out each of n units, the jackknife variance is the sum of e_u^2, times
    n (n - 1) / (n - 2)^2 over the squared number of pairs; every couple counts in it for both its units. The fraction
    is that of the sum of e_uv^2; the rest is the sum over couples that have a unit in common.

    Args:
        pairs: those with a side of :data:`FIXED` count for the unit of their other side, and are no couple.
        thresholds: (t,) ascending.
    """
    both = _of_two(pairs)
    if not both.any():
        return np.zeros(len(thresholds))
    first, second = pairs.first != FIXED, pairs.second != FIXED
    slots = np.searchsorted(thresholds, pairs.scores, side="left")
    share = _from_the_top(slots, pairs.counts, len(thresholds)) / pairs.counts.sum()
    of_couples = _squares(_couples(pairs, both), slots[both], pairs.counts[both], share)
    members = np.concatenate([pairs.first[first], pairs.second[second]])
    of_units = _squares(
        members,
        np.concatenate([slots[first], slots[second]]),
        np.concatenate([pairs.counts[first], pairs.counts[second]]),
        share,
    )
    n = len(np.unique(members))
    varies = of_units > ROUNDING * pairs.counts.sum() ** 2
    fraction = np.where(varies, of_couples / np.where(varies, of_units, 1), 0) * (n - 2) ** 2 / (n * (n - 1))
    return np.clip(fraction, 0, 0.5)


def _of_two(pairs: ScoredPairs) -> NDArray[np.bool_]:
    """Whether both sides of a pair are resampled: (n,)."""
    both: NDArray[np.bool_] = (pairs.first != FIXED) & (pairs.second != FIXED)
    return both


def _couples(pairs: ScoredPairs, both: NDArray[np.bool_]) -> Int64:
    """Number the couples of the pairs ``both`` (n,) marks: equal for (u, v) and (v, u)."""
    one, other = pairs.first[both], pairs.second[both]
    base = int(max(one.max(initial=0), other.max(initial=0))) + 1
    couples: Int64 = np.minimum(one, other) * base + np.maximum(one, other)
    return couples


def _shrink(centre: Float64, rates: Float64, scale: Float64) -> Float64:
    """Multiply the distance of rates from ``centre`` by ``scale``, in log odds; at a centre of 0 or 1 rates stay."""
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (rates / (1 - rates)) ** scale * (centre / (1 - centre)) ** (1 - scale)
        moved = np.where(np.isinf(odds), 1, odds / (1 + odds))
    return np.where((centre > 0) & (centre < 1), moved, rates)


def _squares(groups: Int64, slots: Int64, counts: NDArray[np.float64], share: Float64) -> Float64:
    """Sum over groups of (pairs above - share * pairs)^2 at every threshold: (t,)."""
    order = np.lexsort((-slots, groups))
    counts, slots = counts[order], slots[order]
    group = np.unique(groups[order], return_inverse=True)[1]
    sizes = np.bincount(group, counts)
    before = np.cumsum(counts) - counts - (np.cumsum(sizes) - sizes)[group]
    squared = _from_the_top(slots, counts * (2 * before + counts), len(share))
    crossed = _from_the_top(slots, counts * sizes[group], len(share))
    total: Float64 = squared - 2 * share * crossed + share**2 * (sizes**2).sum()
    return total


def _from_the_top(slots: Int64, amounts: NDArray[np.float64], n: int) -> Float64:
    """Sum of the amounts above each of n thresholds; a slot is the number of thresholds below an amount's score."""
    sums = np.bincount(slots, amounts, n + 1).astype(np.float64)
    return np.cumsum(sums[::-1])[::-1][1:]


def pair_interval(
    value: Float64,
    curves: CurveEstimates,
    trials: Trials,
    units: Float64,
    areas: NDArray[np.bool_],
    level: float = 0.95,
) -> Float64 | None:
    """Interval of metrics over pairs from their resampled estimates.

    The interval is :func:`eval.statistics.intervals.bca_interval` around ``curves.whole``, moved by the difference of
    the exact value, and widened by :func:`eval.statistics.intervals.widen_by_wilson`. The difference is 0 if all pairs
    were kept and the grid contains every score. Areas have :func:`eval.statistics.intervals.area_interval`. Resamples
    and left-out groups with a nan are left out.

    Args:
        value: (metrics,) exact metrics.
        curves: estimates (resamples, metrics), whole (metrics,) and left_out (groups, metrics).
        trials: effective numbers of trials.
        units: (metrics,) number of identities that a metric depends on, at least two; those with a gallery sample only
            do not count.
        areas: (metrics,) whether a metric is an area under a curve.
        level: nominal coverage.

    Returns:
        (metrics, 2) within [0, 1], or None if no resample is usable.
    """
    estimates, left_out = (rows[np.isfinite(rows).all(axis=1)] for rows in (curves.estimates, curves.left_out))
    if not len(estimates):
        return None
    ends = bca_interval(curves.whole, estimates, left_out, units, level) + (value - curves.whole)[:, None]
    ends = widen_by_wilson(value, np.clip(ends, 0, 1), jackknife_variance(left_out), trials, units - 1, level)
    ends[areas] = area_interval(value[areas], left_out[:, areas], trials.most[areas], units[areas] - 1, level)
    return ends


def _share_above(pairs: ScoredPairs, thresholds: Float64, weights: NDArray[np.float32]) -> Float64:
    """Weighted share of pairs above each threshold: (t, resamples)."""
    slots = np.searchsorted(thresholds, pairs.scores, side="left")
    order = np.argsort(slots, kind="stable")
    sums = np.zeros((len(thresholds) + 1, weights.shape[1]))
    step = max(1, CELLS_AT_ONCE // weights.shape[1])
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        weighted = weights[pairs.first[rows]] * weights[pairs.second[rows]]
        weighted *= pairs.counts[rows, None].astype(np.float32)
        places, firsts = np.unique(slots[rows], return_index=True)
        sums[places] += np.add.reduceat(weighted, firsts, axis=0)
    above = np.cumsum(sums[::-1], axis=0)[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Float64 = above[1:] / above[0]
    return share
