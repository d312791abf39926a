"""Bootstrap of metrics that are means over queries: units (in re-identification, identities) are resampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.intervals import (
    ROUNDING,
    Trials,
    bca_interval,
    effective_trials,
    jackknife_variance,
    widen_by_wilson,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

WEIGHTS_AT_ONCE = 4_000_000
"""Entries of the weight matrix that exist at one time (32 MB)."""


def mean_interval(
    sums: Float64,
    counts: Float64,
    resamples: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Float64 | None:
    """Interval of proportions that are means over queries, by resampling units with replacement.

    Let S[p, d, u, m] be the sum of metric m over the queries of unit u in draw d of part p, and N[p, d, u] their
    number. A resample gives every unit an integer weight w_u (multinomial, as many draws as there are units), the same
    in all draws and parts, because these share their identities. Its estimate is the mean over p and d of
    (sum_u w_u S[p, d, u, m]) / (sum_u w_u N[p, d, u]). The interval is :func:`eval.statistics.intervals.bca_interval`,
    widened by :func:`eval.statistics.intervals.widen_by_wilson`.

    How often the intervals contain the truth is simulated by ``tests/bench/bench_coverage.py``; docs/protocols.md has
    its table. The gallery stays as it is in every resample, so the interval does not say what other distractors would
    change. A resample in which some draw has no query is left out.

    Args:
        sums: (parts, draws, units, metrics).
        counts: (parts, draws, units).
        resamples: number of resamples; 0 gives no interval.
        rng: source of the weights.
        level: nominal coverage.

    Returns:
        (metrics, 2) lower and upper ends, or None if there are fewer than two units or no usable resample.
    """
    parts, draws, units, metrics = sums.shape
    if units < 2 or resamples < 1:
        return None
    table = sums.transpose(2, 0, 1, 3).reshape(units, parts * draws, metrics)
    totals = counts.transpose(2, 0, 1).reshape(units, parts * draws)
    blocks = []
    step = max(1, WEIGHTS_AT_ONCE // units)
    for start in range(0, resamples, step):
        weights = bootstrap_counts(units, min(step, resamples - start), rng).astype(np.float64)
        blocks.append(_means(np.tensordot(weights, table, 1), weights @ totals))
    estimates = np.concatenate(blocks)
    if not len(estimates):
        return None
    whole, count = table.sum(axis=0), totals.sum(axis=0)
    left_out = _means(whole - table, count - totals)
    value = _means(whole[None], count[None])[0]
    ends = bca_interval(value, estimates, left_out, units, level)
    shares = (counts / counts.sum(axis=2, keepdims=True)).mean(axis=1)
    least, most = effective_trials(shares, counts.sum(axis=2).mean(axis=1))
    trials = Trials(np.full(metrics, least), np.full(metrics, most))
    return widen_by_wilson(value, ends, jackknife_variance(left_out), trials, units - 1, level)


def bootstrap_counts(units: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``units`` units with replacement, per resample, and count how often each is drawn: (resamples, units).

    These are multinomial counts, in a quarter of the time that ``rng.multinomial`` needs.
    """
    drawn = rng.integers(0, units, (resamples, units))
    drawn += np.arange(0, resamples * units, units)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def _means(sums: Float64, counts: Float64) -> Float64:
    """Mean over draws of sums (rows, draws, metrics) / counts (rows, draws); rows with an empty draw are left out."""
    usable = (counts > ROUNDING).all(axis=1)
    means: Float64 = (sums[usable] / counts[usable, :, None]).mean(axis=1)
    return means
