"""Kinds of intervals: from resampled estimates of metrics to the ends of their confidence intervals.

Every bootstrap of this folder draws weights of units, computes the metrics under them, and passes the estimates to
the functions here: :func:`bca_interval`, :func:`percentile_interval` or :func:`basic_interval`, then, for proportions,
:func:`widen_by_wilson`. Areas under curves need no resamples: :func:`area_interval`. Estimates are (resamples,
metrics), intervals (metrics, 2). docs/statistics.md says which kind is used where, and why.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.statistics.distributions import normal_cdf, normal_quantile, student_quantile

Float64 = NDArray[np.float64]

ROUNDING = 1e-12
"""Estimates that differ by no more are equal."""

TAIL = 0.025
"""Probability outside either end of a 95 % interval."""

UNIT_TRIALS, FEW_TRIALS = 3, 40
"""Trials that a unit of many observations counts as where the spread of the sample is not known: three, with few units.

Three of every unit, but no more than forty in all; one of every unit, where there are more than forty.
"""

ENOUGH_ERRORS = 10
"""With fewer effective errors than this, the spread of a sample says little about that of the population."""

AREA_TRIALS = 12
"""Other identities that an identity counts as compared with, at most."""

MOST_LOG_ODDS = 700
"""Half widths of intervals of log odds that are told apart; exp of more overflows."""

STEADY_AREA = 30
"""The spread of an area is known where the squared error rate is this many times the variance."""


class Trials(NamedTuple):
    """Effective numbers of trials behind metrics that are proportions, (metrics,) each.

    ``least`` is that of units whose observations are much alike (:data:`UNIT_TRIALS`); ``most`` holds if all
    observations are independent, so that an observation is one trial.
    """

    least: Float64
    most: Float64


def effective_trials(shares: Float64, observations: Float64) -> tuple[float, float]:
    """Compute the least and the most :class:`Trials` of a mean over parts, each a mean over observations of units.

    The most is the effective number of observations. The least is :data:`UNIT_TRIALS` times the effective number n of
    units, but no more than the larger of n and :data:`FEW_TRIALS`, nor than the most.

    Args:
        shares: (parts, units) fraction of a part's observations that belong to each unit.
        observations: (parts,) number of observations.
    """
    most, units = effective_observations(observations), effective_units(shares)
    return min(max(units, min(UNIT_TRIALS * units, FEW_TRIALS)), most), most


def effective_units(shares: Float64) -> float:
    """Compute Kish's (1965) effective number of units: 1 / sum of squared weights, the means of ``shares`` over parts.

    Args:
        shares: (parts, units) fraction of a part's observations that belong to each unit.
    """
    return float(1 / (shares.mean(axis=0) ** 2).sum())


def effective_observations(observations: Float64) -> float:
    """Compute Kish's effective number of observations of a mean over parts with ``observations`` (parts,) each."""
    return float(len(observations) ** 2 / (1 / observations).sum())


def percentile_interval(estimates: Float64, freedom: int) -> Float64:
    """95 % percentile bootstrap interval (Efron 1979), its quantiles expanded for few units.

    The quantiles are those of Student's t instead of the normal distribution (expanded percentiles; Hesterberg 2015,
    section 5.3), since the spread itself is estimated.

    Args:
        estimates: (resamples, metrics), at least one resample.
        freedom: degrees of freedom of Student's t.

    Returns:
        (metrics, 2).
    """
    tail = float(normal_cdf(student_quantile(freedom, TAIL)))
    ends: Float64 = np.quantile(estimates.T, [tail, 1 - tail], axis=1).T
    return ends


def basic_interval(values: Float64, estimates: Float64, freedom: int) -> Float64:
    """95 % basic bootstrap interval: [2 v - upper, 2 v - lower] of the :func:`percentile_interval` and the value v.

    Reflection removes the bias that a resample adds (Davison and Hinkley 1997, eq. 5.6). Where the bias exceeds the
    spread, the interval would not contain v; its end is then v.

    Args:
        values: (metrics,) of all units.
        estimates: (resamples, metrics), at least one resample.
        freedom: degrees of freedom of Student's t.

    Returns:
        (metrics, 2).
    """
    reflected = 2 * values[:, None] - percentile_interval(estimates, freedom)[:, ::-1]
    return np.stack([np.minimum(reflected[:, 0], values), np.maximum(reflected[:, 1], values)], axis=1)


def bca_interval(
    values: Float64, estimates: Float64, left_out: Float64, units: int | Float64, level: float = 0.95
) -> Float64:
    """Bias-corrected and accelerated (BCa) bootstrap interval, its quantiles expanded for few units.

    The ends are the quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) of the estimates (Efron 1987; Efron and Tibshirani
    1993, eq. 14.9 to 14.15). z0 is the normal quantile of the fraction of estimates below the value (ties count half),
    a the skewness of the jackknife over 6: the interval of a skewed metric near 0 or 1 leans away from that bound. z is
    sqrt(n / (n - 1)) t, with a quantile t of Student's distribution, instead of the normal quantile (expanded
    percentiles; Hesterberg 2015): resampling n units makes the spread too small by sqrt((n - 1) / n), and the spread is
    only an estimate. The degrees of freedom are n - 1 at most, and fewer where a few units make most of the spread. An
    interval that would not contain the value ends at it.

    Args:
        values: (metrics,) of all units.
        estimates: (resamples, metrics), at least one resample.
        left_out: (groups, metrics) metrics without one unit, or without one group of units, each.
        units: n, at least two; of all metrics, or (metrics,).
        level: nominal coverage.

    Returns:
        (metrics, 2).
    """
    z = np.sqrt(units / (units - 1)) * student_quantile(_freedom(left_out, units), (1 - level) / 2)
    below = (estimates < values - ROUNDING).mean(axis=0) + (estimates <= values + ROUNDING).mean(axis=0)
    edge = 1 / (len(estimates) + 1)
    bias = normal_quantile(np.clip(below / 2, edge, 1 - edge))
    shifted = bias + np.stack([z, -z])
    tails = normal_cdf(bias + shifted / np.maximum(1 - _acceleration(left_out) * shifted, ROUNDING))
    ends = np.array([np.quantile(column, pair) for column, pair in zip(estimates.T, tails.T, strict=True)])
    return np.stack([np.minimum(ends[:, 0], values), np.maximum(ends[:, 1], values)], axis=1)


def widen_by_wilson(
    values: Float64, ends: Float64, variance: Float64, trials: Trials, freedom: int | Float64, level: float = 0.95
) -> Float64:
    """Widen intervals of proportions near 0 or 1 to the Wilson interval on the effective number of trials.

    Where nearly all observations are right, the errors come from a few hard units. A sample without such units has
    resamples that hardly differ, so its bootstrap interval is too short. Therefore the end away from the nearer bound
    is at least that of Wilson's interval (JASA 1927) of an error rate over n* trials, with Student's t for the normal
    quantile. n* = v (1 - v) / variance is the effective number of trials (Kish 1965; for intervals Korn and Graubard,
    Survey Methodology 1998). With fewer errors e than :data:`ENOUGH_ERRORS`, the variance itself is uncertain: a
    fraction 1 - e / :data:`ENOUGH_ERRORS` of it is replaced by that of ``trials.least``. Here e is the smaller of n*
    and ``trials.most``, times min(v, 1 - v).

    Args:
        values: (metrics,) proportions.
        ends: (metrics, 2) of their bootstrap intervals.
        variance: (metrics,) squared standard errors.
        trials: effective numbers of trials.
        freedom: degrees of freedom of Student's t, of all metrics or (metrics,).
        level: nominal coverage.

    Returns:
        (metrics, 2); no end is moved inwards.
    """
    error = np.minimum(values, 1 - values)
    estimable = (variance > ROUNDING**2) & (error > ROUNDING)
    size = np.where(estimable, error * (1 - error) / np.where(estimable, variance, 1), trials.most)
    uncertain = np.maximum(1 - np.minimum(size, trials.most) * error / ENOUGH_ERRORS, 0)
    inverse = uncertain / np.minimum(size, trials.least) + (1 - uncertain) / size
    highest = _wilson_end(error, student_quantile(freedom, (1 - level) / 2) ** 2 * inverse)
    low = np.where(values >= 0.5, np.minimum(ends[:, 0], 1 - highest), ends[:, 0])
    high = np.where(values <= 0.5, np.maximum(ends[:, 1], highest), ends[:, 1])
    return np.stack([low, high], axis=1)


def area_trials(identities: float) -> float:
    """Compute the trials of an area: the identities, each compared with as many, or :data:`AREA_TRIALS` if fewer."""
    return identities * min(identities, AREA_TRIALS)


def area_interval(
    values: Float64, left_out: Float64, trials: Float64, freedom: int | Float64, level: float = 0.95
) -> Float64:
    """Interval of areas under ROC curves, from the jackknife variance of their log odds.

    An area is a mean over comparisons of genuine with impostor pairs (Mann and Whitney 1947; its variance from what
    each unit contributes: DeLong, DeLong and Clarke-Pearson 1988, Obuchowski 1997). An identity has a graded share in
    it, where in a proportion it may be right or wrong altogether; so :func:`widen_by_wilson` would widen far too much.
    The interval is the log odds of the area -+ t standard errors, t of Student's distribution. Hard identities that the
    sample lacks move the end away from the nearer bound: to its distance from the area, that of Wilson's end is added,
    as root of the summed squares (Newcombe 1998). Wilson's interval is over ``trials`` divided by
    1 - e^2 / (:data:`STEADY_AREA` s^2): where the standard error s is small beside the error e, identities are alike,
    and nothing is added. An area of 1 has an interval, too. If fewer than two areas are ``left_out``, the other end is
    the bound.

    Args:
        values: (metrics,) areas.
        left_out: (groups, metrics) areas without one identity, or without one group of identities, each.
        trials: (metrics,) of :func:`area_trials`.
        freedom: degrees of freedom of Student's t, of all metrics or (metrics,).
        level: nominal coverage.

    Returns:
        (metrics, 2) within [0, 1], around the values.
    """
    t = -student_quantile(freedom, (1 - level) / 2)
    error = np.minimum(values, 1 - values)
    inside = np.maximum(error, ROUNDING)
    variance = jackknife_variance(left_out)
    half = t * np.sqrt(variance) / (inside * (1 - inside))
    odds, factor = inside / (1 - inside), np.exp(np.minimum(half, MOST_LOG_ODDS))
    near = np.minimum(odds / (odds + factor), error) if len(left_out) > 1 else np.zeros_like(error)
    seen = np.maximum(1 - 1 / (1 + odds * factor) - error, 0)
    steady = np.divide(error**2, variance, out=np.zeros_like(error), where=variance > ROUNDING**2) / STEADY_AREA
    unseen = _wilson_end(error, t**2 / trials * np.maximum(1 - steady, 0)) - error
    far = np.minimum(error + np.hypot(seen, unseen), 1)
    ends: Float64 = np.where(values >= 0.5, [1 - far, 1 - near], [near, far]).T
    return ends


def _wilson_end(error: Float64, square: Float64) -> Float64:
    """Upper end of Wilson's interval of an error rate; ``square`` is t^2 over the number of trials."""
    end: Float64 = (error + square / 2 + np.sqrt(square * (error * (1 - error) + square / 4))) / (1 + square)
    return end


def jackknife_variance(left_out: Float64) -> Float64:
    """Jackknife variance of metrics (metrics,).

    Args:
        left_out: (groups, metrics) metrics without one unit, or without one group of units, each.
    """
    variance: Float64 = (len(left_out) - 1) / max(len(left_out), 1) * (_influence(left_out) ** 2).sum(axis=0)
    return variance


def _influence(left_out: Float64) -> Float64:
    """How much each group raises the metrics, about the mean over groups: (groups, metrics)."""
    influence = left_out.mean(axis=0) - left_out if len(left_out) else left_out
    return np.where(np.abs(influence) > ROUNDING, influence, 0)


def _acceleration(left_out: Float64) -> Float64:
    """A sixth of the skewness of the jackknife influences (metrics,); 0 where they have no spread."""
    influence = _influence(left_out)
    spread = (influence**2).sum(axis=0) ** 1.5
    skewed: Float64 = (influence**3).sum(axis=0) / np.where(spread > 0, 6 * spread, 1)
    return skewed


def _freedom(left_out: Float64, units: int | Float64) -> Float64:
    """Degrees of freedom of the jackknife variance (metrics,): 2 / (k / n + 2 / (n - 1)), excess kurtosis k >= 0.

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
