"""Bootstrap of classification metrics: samples, or groups of samples, are resampled within their class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.intervals import Trials, basic_interval, percentile_interval, widen_by_wilson
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

CELLS_AT_ONCE = 2_000_000
"""Entries of the weight matrix that exist at one time (16 MB)."""

MOST_LOST = 0.05
"""Share of resamples that may be left out because a draw has no sample in them."""


def strata_of(units: Int64, labels: Int64) -> Int64:
    """Divide units (samples or groups) into the strata they are resampled in: their classes.

    A unit whose samples are all of one class is in the stratum of that class. Units of several classes, and units that
    are the only one of their class, form one common stratum, since a stratum of one unit has no spread to resample
    (collapsed strata; Cochran 1977, section 5A.12; intervals are rather too wide, since the spread between classes is
    included). If that would be a single unit, it joins the smallest other stratum.

    Args:
        units: (n,) unit of every sample; every number from 0 to u - 1 occurs.
        labels: (n,) true classes.

    Returns:
        (u,) stratum of every unit, numbered from 0 without gaps.
    """
    order = np.lexsort((labels, units))
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    lowest = np.minimum.reduceat(labels[order], starts)
    highest = np.maximum.reduceat(labels[order], starts)
    alone = np.bincount(lowest[lowest == highest], minlength=int(labels.max()) + 1) == 1
    common = (lowest != highest) | alone[lowest]
    strata = np.where(common, -1, lowest)
    if common.sum() == 1 and not common.all():
        classes, sizes = np.unique(strata[~common], return_counts=True)
        strata[common] = classes[sizes.argmin()]
    return np.unique(strata, return_inverse=True)[1].astype(np.int64)


def stratified_weights(strata: Int64, resamples: int, rng: np.random.Generator) -> Iterator[Float64]:
    """Yield blocks of weights (units, resamples) of the rescaled bootstrap.

    It is that of Rao and Wu (1988) and McCarthy and Snowden (1985). From a stratum of n units n - 1 are drawn with
    replacement, and each of these weighs n / (n - 1). So weights sum to n, and the variance of a stratum's mean is the
    unbiased one; drawing n of n would give (n - 1) / n of it, which is half for a class of two samples.

    Args:
        strata: (units,) of :func:`strata_of`, each with at least two units.
        resamples: number of resamples in all blocks.
        rng: source of the draws.
    """
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    draws = sizes - 1
    first = np.repeat(np.cumsum(sizes) - sizes, draws)
    stratum_sizes = np.repeat(sizes, draws)
    scale = (sizes / draws)[strata][:, None]
    step = max(1, CELLS_AT_ONCE // len(strata))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = order[first + (rng.random((size, len(first))) * stratum_sizes).astype(np.int64)]
        cells = drawn * size + np.arange(size)[:, None]
        yield np.bincount(cells.ravel(), minlength=len(strata) * size).reshape(-1, size) * scale


def mean_over_draws(estimates: Float64, heaviness: Float64) -> Float64:
    """Average resampled estimates over draws, as the metric is the mean over them.

    Where draws have so few units that more than :data:`MOST_LOST` of the resamples leave one out, as folds of one or
    two groups have, draws are weighted by heaviness: without these resamples such draws would hardly vary. Fewer are
    nan.

    Args:
        estimates: (draws, metrics, resamples), nan where all samples of a draw have weight 0.
        heaviness: (draws, resamples), the weight of a draw's samples over that which they have in the test set.

    Returns:
        (metrics, resamples).
    """
    if (heaviness == 0).any(axis=0).mean() <= MOST_LOST:
        means: Float64 = estimates.sum(axis=0) / len(estimates)
        return means
    weights = heaviness[:, None, :]
    weighted: Float64 = (np.where(weights > 0, estimates, 0) * weights).sum(axis=0) / weights.sum(axis=0)
    return weighted


def stratified_interval(
    values: Float64,
    estimates: Float64,
    biased: NDArray[np.bool_],
    units: int,
    strata: int,
    proportions: NDArray[np.bool_],
) -> Float64 | None:
    """95 % interval of each metric from its resampled estimates.

    Means over samples, and over classes of a fixed number of samples (top-k, recall, losses), get
    :func:`eval.statistics.intervals.percentile_interval`. F1, Jaccard and calibration error are ``biased``: few samples
    bias them, a resample has the bias twice, and percentiles are shifted to that side; they get
    :func:`eval.statistics.intervals.basic_interval`. Where few samples are wrong, resamples say little about what a
    larger test set would show, so proportions are widened by :func:`eval.statistics.intervals.widen_by_wilson`.

    How often the intervals contain the truth is simulated by ``tests/bench/bench_coverage.py``; docs/protocols.md has
    its table. For the calibration error, which is never below 0 and so not normal where a model is nearly calibrated,
    it was 83 to 91 %.

    Args:
        values: (metrics,) of all units.
        estimates: (metrics, resamples); resamples with a nan are left out.
        biased: (metrics,) whether few samples bias a metric.
        units: number of units that were resampled.
        strata: number of strata; the degrees of freedom are units less strata.
        proportions: (metrics,) whether a metric lies between 0 and 1.

    Returns:
        (metrics, 2), or None if fewer than half of the resamples are usable: what is left of them is no random sample.
    """
    usable = estimates[:, np.isfinite(estimates).all(axis=0)]
    if not usable.shape[1] or 2 * usable.shape[1] < estimates.shape[1]:
        return None
    freedom = units - strata
    basic, percentile = basic_interval(values, usable.T, freedom), percentile_interval(usable.T, freedom)
    ends = np.where(biased[:, None], basic, percentile)
    trials = Trials(*np.full((2, int(proportions.sum())), float(units)))
    variance = usable[proportions].var(axis=1)
    wide = widen_by_wilson(values[proportions], ends[proportions], variance, trials, freedom)
    ends[proportions] = np.clip(wide, 0, 1)
    return ends
