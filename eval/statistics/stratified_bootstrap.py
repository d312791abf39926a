"""The bootstrap of classification figures: images, or groups of them, are resampled within their class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.intervals import Trials, drawn_out
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

CELLS_AT_ONCE = 2_000_000
"""Entries of the weight matrix that exist at one time (16 MB)."""


def strata_of(units: Int64, labels: Int64) -> Int64:
    """Divide units (images or groups) into the strata they are resampled in: their classes.

    A unit whose samples are all of one class is in the stratum of that class. Units of several classes, and units that
    are the only one of their class, are put together into one common stratum: a stratum of one has no spread to
    resample (collapsed strata; Cochran 1977, section 5A.12; it errs on the wide side, as it counts the spread between
    classes in). If a single unit is common, it joins the smallest other stratum.

    Args:
        units: (n,) unit of every sample, all of 0 to u - 1.
        labels: (n,) true classes.

    Returns:
        (u,) stratum of every unit; all of 0 to the number of strata - 1.
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


def resampled_weights(strata: Int64, resamples: int, rng: np.random.Generator) -> Iterator[Float64]:
    """Yield weights (units, some resamples) of the rescaled bootstrap (Rao and Wu 1988; McCarthy and Snowden 1985).

    From a stratum of n units n - 1 are drawn with replacement, and each draw weighs n / (n - 1): weights sum to n, and
    their spread makes the variance of a stratum's mean the unbiased one. Drawing n of n instead gives (n - 1) / n of
    it: half, for two images of a class.

    Args:
        strata: (units,) of :func:`strata_of`, each with at least two units.
        resamples: how many in all.
        rng: where the draws come from.
    """
    order = np.argsort(strata, kind="stable")
    sizes = np.bincount(strata)
    draws = sizes - 1
    first = np.repeat(np.cumsum(sizes) - sizes, draws)
    among = np.repeat(sizes, draws)
    worth = (sizes / draws)[strata][:, None]
    step = max(1, CELLS_AT_ONCE // len(strata))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = order[first + (rng.random((size, len(first))) * among).astype(np.int64)]
        cells = drawn * size + np.arange(size)[:, None]
        yield np.bincount(cells.ravel(), minlength=len(strata) * size).reshape(-1, size) * worth


def bootstrap_ends(
    values: Float64,
    estimates: Float64,
    curved: NDArray[np.bool_],
    units: int,
    strata: int,
    shares: NDArray[np.bool_] | None = None,
) -> Float64 | None:
    """95 % interval of each figure from its resampled estimates.

    Means over samples, and over classes of a fixed number of samples (top-k, recall, losses), get the percentile
    interval (Efron 1979). F1, Jaccard and calibration error are ``curved``: few samples bias them, a resample has the
    bias twice, and percentiles lie off to that side. They get the basic interval, [2 v - upper, 2 v - lower] (Davison
    and Hinkley 1997, eq. 5.6), which takes the bias off; where the bias exceeds the spread it would end short of the
    figure v itself, and is drawn out to it. The quantiles are those of Student's t instead of the normal distribution
    (expanded percentiles; Hesterberg 2015, section 5.3), as the spread itself is estimated. Where few are wrong,
    resamples say little of what a larger test set would show: shares are drawn out by
    :func:`eval.statistics.intervals.drawn_out`.

    How often they hold the truth is simulated by ``tests/bench/bench_coverage.py``; docs/protocols.md has its table.
    Of the calibration error, which is never below 0 and so not normal where a model is nearly calibrated, it was 83 to
    91 %.

    Args:
        values: (metrics,) the figures.
        estimates: (metrics, resamples); resamples with a nan are left out.
        curved: (metrics,) which are.
        units: how many were resampled.
        strata: how many they are in; the degrees of freedom are units less strata.
        shares: (metrics,) which lie between 0 and 1; None for differences.

    Returns:
        (metrics, 2), or None where no resample is left.
    """
    from scipy.special import ndtr, stdtrit

    usable = estimates[:, np.isfinite(estimates).all(axis=0)]
    if not usable.shape[1]:
        return None
    tail = float(ndtr(stdtrit(units - strata, 0.025)))
    ends: Float64 = np.quantile(usable, [tail, 1 - tail], axis=1).T
    reflected = 2 * values[:, None] - ends[:, ::-1]
    reflected = np.stack([np.minimum(reflected[:, 0], values), np.maximum(reflected[:, 1], values)], axis=1)
    ends = np.where(curved[:, None], reflected, ends)
    if shares is not None:
        trials = Trials(*np.full((2, int(shares.sum())), float(units)))
        variance = usable[shares].var(axis=1)
        ends[shares] = np.clip(drawn_out(values[shares], ends[shares], variance, trials, units - strata), 0, 1)
    return ends
