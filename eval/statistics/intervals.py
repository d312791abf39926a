"""Intervals by bootstrap over independent units: identities in re-identification."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

WEIGHTS_AT_ONCE = 4_000_000
"""Entries of the weight matrix that exist at one time (32 MB)."""

ROUNDING = 1e-12
"""Estimates that differ by no more are the same."""

ENOUGH_ERRORS = 10
"""With fewer effective errors than this, the spread of a sample says little of the population's."""


class Trials(NamedTuple):
    """How many trials figures are of, (metrics,) each: ``least``, were all observations of a unit one; ``most``."""

    least: Float64
    most: Float64


def effective_trials(shares: Float64, observations: Float64) -> tuple[float, float]:
    """The :class:`Trials` of a mean over parts, each a mean over observations of units.

    A unit's weight is the mean of its shares; least is Kish's (1965) effective number of units, 1 / sum of the squared
    weights. Most is the same for observations.

    Args:
        shares: (parts, units) of a part's observations that are of a unit.
        observations: (parts,) how many there are.
    """
    return float(1 / (shares.mean(axis=0) ** 2).sum()), effective_observations(observations)


def effective_observations(observations: Float64) -> float:
    """Kish's effective number of observations of a mean over parts that have so many (parts,)."""
    return float(len(observations) ** 2 / (1 / observations).sum())


def bootstrap_interval(
    sums: Float64,
    counts: Float64,
    resamples: int,
    rng: np.random.Generator,
    level: float = 0.95,
    *,
    shares: bool = True,
) -> Float64 | None:
    """Interval of metrics that are means over queries, by resampling units with replacement.

    Let S[p, d, u, m] be the sum of metric m over the queries of unit u in draw d of part p, and N[p, d, u] their
    number. A resample gives every unit an integer weight w_u (multinomial, as many as there are units), the same one
    in all draws and parts, because they share their people, and its estimate is
    mean over p, d of (sum_u w_u S[p, d, u, m]) / (sum_u w_u N[p, d, u]).
    The ends are quantiles of the estimates, those of :func:`accelerated_ends`; of shares :func:`drawn_out`.

    How often they hold the truth is simulated by ``tests/bench/bench_coverage.py``; docs/protocols.md has its table.

    Limits: units are resampled as queries while the gallery stays as it is, so what other distractors would do is not
    in the interval. A resample in which some draw has no query at all is left out.

    Args:
        sums: (parts, draws, units, metrics).
        counts: (parts, draws, units).
        resamples: how many; 0 asks for no interval.
        rng: where the weights come from.
        level: nominal coverage.
        shares: whether every metric lies between 0 and 1, and at an end only where every query does; differences
            do not.

    Returns:
        (metrics, 2) lower and upper ends, or None where there are fewer than two units or no usable resample.
    """
    parts, draws, units, metrics = sums.shape
    if units < 2 or resamples < 1:
        return None
    table = sums.transpose(2, 0, 1, 3).reshape(units, parts * draws, metrics)
    totals = counts.transpose(2, 0, 1).reshape(units, parts * draws)
    estimates = []
    step = max(1, WEIGHTS_AT_ONCE // units)
    for start in range(0, resamples, step):
        weights = resampled_counts(units, min(step, resamples - start), rng).astype(np.float64)
        estimates.append(_means(np.tensordot(weights, table, 1), weights @ totals))
    found = np.concatenate(estimates)
    if not len(found):
        return None
    whole, count = table.sum(axis=0), totals.sum(axis=0)
    left_out = _means(whole - table, count - totals)
    value = _means(whole[None], count[None])[0]
    ends = accelerated_ends(value, found, left_out, units, level)
    if not shares:
        return ends
    of_units = (counts / counts.sum(axis=2, keepdims=True)).mean(axis=1)
    least, most = effective_trials(of_units, counts.sum(axis=2).mean(axis=1))
    trials = Trials(np.full(metrics, least), np.full(metrics, most))
    return drawn_out(value, ends, jackknife_variance(left_out), trials, units - 1, level)


def drawn_out(
    values: Float64, ends: Float64, variance: Float64, trials: Trials, freedom: int | Float64, level: float = 0.95
) -> Float64:
    """Draw the ends of figures between 0 and 1 out to where errors that were not seen may be.

    Where nearly all is right, what is wrong comes from a few hard units, and a sample without them knows nothing of
    them: its resamples hardly differ. So the end away from the nearer bound is at least that of Wilson's interval (JASA
    1927) of an error rate over n* trials, with Student's t for the normal quantile. n* = v (1 - v) / variance is the
    effective number of trials (Kish 1965; for intervals Korn and Graubard, Survey Methodology 1998). Of e errors fewer
    than :data:`ENOUGH_ERRORS`, the smaller of n* and the most trials times min(v, 1 - v), the variance says little: a
    share 1 - e / :data:`ENOUGH_ERRORS` of it is that of one trial a unit.

    Args:
        values: (metrics,) the figures.
        ends: (metrics, 2) of their intervals.
        variance: (metrics,) squared standard errors.
        trials: how many there are.
        freedom: degrees of freedom of Student's t, of all or (metrics,).
        level: nominal coverage.

    Returns:
        (metrics, 2).
    """
    from scipy.special import stdtrit

    error = np.minimum(values, 1 - values)
    known = (variance > ROUNDING**2) & (error > ROUNDING)
    size = np.where(known, error * (1 - error) / np.where(known, variance, 1), trials.most)
    unsure = np.maximum(1 - np.minimum(size, trials.most) * error / ENOUGH_ERRORS, 0)
    inverse = unsure / np.minimum(size, trials.least) + (1 - unsure) / size
    square = stdtrit(freedom, (1 - level) / 2) ** 2 * inverse
    highest = (error + square / 2 + np.sqrt(square * (error * (1 - error) + square / 4))) / (1 + square)
    low = np.where(values >= 0.5, np.minimum(ends[:, 0], 1 - highest), ends[:, 0])
    high = np.where(values <= 0.5, np.maximum(ends[:, 1], highest), ends[:, 1])
    return np.stack([low, high], axis=1)


def accelerated_ends(
    values: Float64, estimates: Float64, left_out: Float64, units: int | Float64, level: float = 0.95
) -> Float64:
    """Bias-corrected and accelerated bootstrap interval (BCa), its quantiles expanded for few units.

    With z0 the normal quantile of the share of estimates below the value (ties count half), and a the skewness of the
    jackknife over 6, the ends are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of the estimates (Efron 1987;
    Efron and Tibshirani 1993, eq. 14.9 to 14.15): a skewed figure near 0 or 1 gets an interval that leans away from
    there. For z stands not the normal quantile but sqrt(n / (n - 1)) t of Student's distribution (expanded percentiles,
    Hesterberg 2015): resampling n units makes the spread sqrt((n - 1) / n) too small, and it is only an estimate. Its
    degrees of freedom are n - 1 at most, and fewer where few units make most of the spread. An end that would miss
    the value itself is drawn out to it.

    Args:
        values: (metrics,) the figures.
        estimates: (resamples, metrics), at least one.
        left_out: (groups, metrics) figures without one unit, or one group of units, each.
        units: n, at least two; of all figures, or (metrics,).
        level: nominal coverage.

    Returns:
        (metrics, 2).
    """
    from scipy.special import ndtr, ndtri, stdtrit

    z = np.sqrt(units / (units - 1)) * stdtrit(_freedom(left_out, units), (1 - level) / 2)
    below = (estimates < values - ROUNDING).mean(axis=0) + (estimates <= values + ROUNDING).mean(axis=0)
    edge = 1 / (len(estimates) + 1)
    bias = ndtri(np.clip(below / 2, edge, 1 - edge))
    shifted = bias + np.stack([z, -z])
    tails = ndtr(bias + shifted / np.maximum(1 - _acceleration(left_out) * shifted, ROUNDING))
    ends = np.array([np.quantile(column, pair) for column, pair in zip(estimates.T, tails.T, strict=True)])
    return np.stack([np.minimum(ends[:, 0], values), np.maximum(ends[:, 1], values)], axis=1)


def resampled_counts(units: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each unit is drawn, of as many draws with replacement as there are units: (resamples, units).

    Multinomial counts, in a quarter of the time that ``rng.multinomial`` needs.
    """
    drawn = rng.integers(0, units, (resamples, units))
    drawn += np.arange(0, resamples * units, units)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def _means(sums: Float64, counts: Float64) -> Float64:
    """Mean over draws of sums (rows, draws, metrics) / counts (rows, draws), without rows in which a draw has none."""
    usable = (counts > ROUNDING).all(axis=1)
    means: Float64 = (sums[usable] / counts[usable, :, None]).mean(axis=1)
    return means


def jackknife_variance(left_out: Float64) -> Float64:
    """Variance of figures (metrics,) from those without one unit, or one group of units, each (groups, metrics)."""
    variance: Float64 = (len(left_out) - 1) / max(len(left_out), 1) * (_influence(left_out) ** 2).sum(axis=0)
    return variance


def _influence(left_out: Float64) -> Float64:
    """How much higher the figures are with each group than without it, about their mean: (groups, metrics)."""
    influence = left_out.mean(axis=0) - left_out if len(left_out) else left_out
    return np.where(np.abs(influence) > ROUNDING, influence, 0)


def _acceleration(left_out: Float64) -> Float64:
    """A sixth of the skewness of the jackknife's influences (metrics,); 0 where there is no spread."""
    influence = _influence(left_out)
    spread = (influence**2).sum(axis=0) ** 1.5
    skewed: Float64 = (influence**3).sum(axis=0) / np.where(spread > 0, 6 * spread, 1)
    return skewed


def _freedom(left_out: Float64, units: int | Float64) -> Float64:
    """Degrees of freedom of the jackknife's variance: 2 / (k / n + 2 / (n - 1)), with the excess kurtosis k >= 0.

    The variance of a variance of n values is s^4 (k / n + 2 / (n - 1)); a multiple of chi square has as much with
    these degrees of freedom (Satterthwaite 1946).
    """
    influence, groups = _influence(left_out), len(left_out)
    if groups < 2:
        return np.full(left_out.shape[1], 1.0) * (units - 1)
    square = (influence**2).sum(axis=0)
    kurtosis = groups * (influence**4).sum(axis=0) / np.where(square > 0, square**2, 1) - 3
    freedom: Float64 = np.minimum(2 / (np.maximum(kurtosis, 0) / groups + 2 / (groups - 1)), units - 1)
    return freedom
