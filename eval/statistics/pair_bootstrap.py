"""Intervals for figures over pairs: the bootstrap resamples identities, and a pair weighs as its identities do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.verification import ErrorCurve, Float64
from eval.statistics.intervals import (
    ROUNDING,
    Trials,
    accelerated_ends,
    drawn_out,
    jackknife_variance,
    resampled_counts,
)
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIXED = -1
"""Unit of what is not resampled; its weight is one."""

GRID = 512
CELLS_AT_ONCE = 8_000_000

LEFT_OUT_GROUPS = 200
"""Of more units than this, the jackknife leaves groups out: its skewness needs no more rows."""


class Pairs(NamedTuple):
    """Scored pairs: ``scores`` (n,), ``first`` and ``second`` (n,) units or :data:`FIXED`, ``counts`` (n,).

    ``counts`` says for how many pairs each stands: one, or more where they are a sample.
    """

    scores: NDArray[np.float64]
    first: Int64
    second: Int64
    counts: NDArray[np.float64]


class Resampled(NamedTuple):
    """Figures under weights of the units.

    ``estimates`` (resamples, ..., metrics) of :func:`unit_weights`, ``whole`` (..., metrics) where all weigh one, and
    ``left_out`` (groups, ..., metrics) of :func:`left_out_weights`.
    """

    estimates: Float64
    whole: Float64
    left_out: Float64


class Weights(NamedTuple):
    """``values`` (units + 1, n): how often each unit counts, n times; the last row, for :data:`FIXED`, is one.

    ``excess`` is how often more than the jackknife they count what is a couple's own (:func:`couple_share`).
    """

    values: NDArray[np.float32]
    excess: float


class PairProblem(NamedTuple):
    """What one curve is made of."""

    genuine: Pairs
    impostor: Pairs


def unit_weights(units: int, resamples: int, rng: np.random.Generator) -> Weights:
    """How often each unit is in each resample."""
    weights = np.ones((units + 1, resamples), np.float32)
    weights[:-1] = resampled_counts(units, resamples, rng).T
    return Weights(weights, excess=1)


def equal_weights(units: int) -> Weights:
    """All units once."""
    return Weights(np.ones((units + 1, 1), np.float32), excess=0)


def left_out_weights(units: int) -> Weights:
    """Leave one unit out each time, or one group of many."""
    groups = min(units, LEFT_OUT_GROUPS)
    weights = np.ones((units + 1, groups), np.float32)
    weights[np.arange(units), np.arange(units) % groups] = 0
    return Weights(weights, excess=0)


def threshold_grid(problem: PairProblem) -> Float64:
    """Thresholds at which resampled curves are computed: every score where there are few, else quantiles.

    The grid holds -inf, the impostor scores that 1 ... n impostors reach (:data:`GRID` steps, evenly on a logarithmic
    scale, and as many evenly) and as many genuine quantiles.
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
    """Error rates of a problem in resamples of the units.

    With w_u the number of times unit u is drawn, an impostor pair of units u and v weighs w_u w_v and a genuine pair
    of unit u weighs w_u (its second unit is :data:`FIXED`): pairs share identities, so they are not resampled one by
    one. That is the subsets bootstrap of Bolle, Ratha and Pankanti (CVIU 2004) with the product weights of Owen's
    pigeonhole bootstrap (Annals of Applied Statistics 2007) for the two identities of a pair. These spread too much:
    they count what is a couple's own three times, and leaving units out counts it twice. So the FMR of a resample is
    drawn, in log odds, towards that of the sample until its spread is about that of pairs which depend on each other
    where they share a person (Fafchamps and Gubert, Journal of Development Economics 2007; Aronow, Samii and Assenova,
    Political Analysis 2015). A resample without genuine or without impostor pairs is nan.

    Args:
        problem: genuine and impostor pairs.
        thresholds: (t,) ascending.
    """

    def __init__(self, problem: PairProblem, thresholds: Float64) -> None:
        self._problem, self._thresholds = problem, thresholds
        impostor = problem.impostor
        units = int(max(impostor.first.max(initial=0), impostor.second.max(initial=0))) + 1
        self._centre = _share_above(impostor, thresholds, equal_weights(units).values)
        self._own = couple_share(impostor, thresholds)

    def rates(self, weights: Weights) -> ErrorCurve:
        """Rates (t, resamples) under weights of the units."""
        problem, at = self._problem, self._thresholds
        fmr, tpr = (_share_above(pairs, at, weights.values) for pairs in (problem.impostor, problem.genuine))
        scale = np.sqrt((1 - self._own) / (1 + weights.excess * self._own))[:, None]
        drawn = np.maximum.accumulate(_towards(self._centre, fmr, scale)[::-1], axis=0)[::-1]
        return ErrorCurve(at, drawn, 1 - tpr)


def count_couples(pairs: Pairs) -> int:
    """How many couples of two units there are; a pair that has none, with somebody who is no unit, is one by itself."""
    both = _of_two(pairs)
    return len(np.unique(_couples(pairs, both))) + int((~both).sum())


def couple_share(pairs: Pairs, thresholds: Float64) -> Float64:
    """Of the jackknife's variance of an error rate, the share that couples would have alone: (t,), at most one half.

    Let e_uv be how many pairs of units u and v are above a threshold, less as many as the overall share would make,
    and e_u the sum of e_uv over v. Leaving out each of n units, the jackknife's variance is the sum of e_u^2, times
    n (n - 1) / (n - 2)^2 over the squared number of pairs, in which every couple counts for both units. Of that the
    share is the sum of e_uv^2: without it, what is left is the sum over all couples that have a unit in common.

    Args:
        pairs: of which some may be of :data:`FIXED`; these have a unit and are no couple.
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
    known = of_units > ROUNDING * pairs.counts.sum() ** 2
    found = np.where(known, of_couples / np.where(known, of_units, 1), 0) * (n - 2) ** 2 / (n * (n - 1))
    return np.clip(found, 0, 0.5)


def _of_two(pairs: Pairs) -> NDArray[np.bool_]:
    """Where both of a pair are units (n,)."""
    both: NDArray[np.bool_] = (pairs.first != FIXED) & (pairs.second != FIXED)
    return both


def _couples(pairs: Pairs, both: NDArray[np.bool_]) -> Int64:
    """A number for the couple of each of some pairs, whoever comes first."""
    one, other = pairs.first[both], pairs.second[both]
    base = int(max(one.max(initial=0), other.max(initial=0))) + 1
    found: Int64 = np.minimum(one, other) * base + np.maximum(one, other)
    return found


def _towards(centre: Float64, rates: Float64, scale: Float64) -> Float64:
    """Rates as far from the centre as ``scale`` times before, in log odds; 0 and 1 stay what they are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = (rates / (1 - rates)) ** scale * (centre / (1 - centre)) ** (1 - scale)
        moved = np.where(np.isinf(odds), 1, odds / (1 + odds))
    return np.where((centre > 0) & (centre < 1), moved, rates)


def _squares(groups: Int64, slots: Int64, counts: NDArray[np.float64], share: Float64) -> Float64:
    """Sum over groups of (pairs above - share * pairs)^2, at every threshold (t,)."""
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
    """Sum of the amounts above each of n thresholds; a slot is how many thresholds are below."""
    sums = np.bincount(slots, amounts, n + 1).astype(np.float64)
    return np.cumsum(sums[::-1])[::-1][1:]


def centred_interval(
    value: Float64, found: Resampled, trials: Trials, units: Float64, level: float = 0.95
) -> Float64 | None:
    """Interval of resampled figures: accelerated, moved so that ``found.whole`` falls on the value, and drawn out.

    Where all pairs were kept and the grid holds every score, they are the same and nothing is moved. Resamples, and
    left-out groups, with a nan are left out. The ends are those of
    :func:`eval.statistics.intervals.accelerated_ends` and :func:`eval.statistics.intervals.drawn_out`.

    Args:
        value: (metrics,) exact figures.
        found: estimates (resamples, metrics) and what belongs to them.
        trials: how many the figures are of.
        units: (metrics,) how many people they are of, at least two: not those who are only enrolled.
        level: nominal coverage.

    Returns:
        (metrics, 2) within [0, 1], or None where no resample is left.
    """
    estimates, left_out = (rows[np.isfinite(rows).all(axis=1)] for rows in (found.estimates, found.left_out))
    if not len(estimates):
        return None
    ends = accelerated_ends(found.whole, estimates, left_out, units, level) + (value - found.whole)[:, None]
    return drawn_out(value, np.clip(ends, 0, 1), jackknife_variance(left_out), trials, units - 1, level)


def _share_above(pairs: Pairs, thresholds: Float64, weights: NDArray[np.float32]) -> Float64:
    """Weighted share of pairs above each threshold: (t, resamples)."""
    slots = np.searchsorted(thresholds, pairs.scores, side="left")
    order = np.argsort(slots, kind="stable")
    sums = np.zeros((len(thresholds) + 1, weights.shape[1]))
    step = max(1, CELLS_AT_ONCE // weights.shape[1])
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        weighed = weights[pairs.first[rows]] * weights[pairs.second[rows]]
        weighed *= pairs.counts[rows, None].astype(np.float32)
        places, firsts = np.unique(slots[rows], return_index=True)
        sums[places] += np.add.reduceat(weighed, firsts, axis=0)
    above = np.cumsum(sums[::-1], axis=0)[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Float64 = above[1:] / above[0]
    return share
