"""Intervals by bootstrap over independent units: identities in re-identification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

WEIGHTS_AT_ONCE = 4_000_000
"""Entries of the weight matrix that exist at one time (32 MB)."""


def bootstrap_interval(
    sums: Float64, counts: Float64, resamples: int, rng: np.random.Generator, level: float = 0.95
) -> Float64 | None:
    """Percentile interval (Efron 1979) of metrics that are means over queries, by resampling units with replacement.

    Let S[p, d, u, m] be the sum of metric m over the queries of unit u in draw d of part p, and N[p, d, u] their
    number. A resample gives every unit an integer weight w_u (multinomial, as many as there are units), the same one
    in all draws and parts, because they share their people, and its estimate is
    mean over p, d of (sum_u w_u S[p, d, u, m]) / (sum_u w_u N[p, d, u]).
    The interval spans the (1 - level) / 2 and (1 + level) / 2 quantiles of the estimates.

    Limits: units are resampled as queries while the gallery stays as it is, so what other distractors would do is not
    in the interval; with fewer than about 30 units percentile intervals are too short. A resample in which some draw
    has no query at all is left out.

    Args:
        sums: (parts, draws, units, metrics).
        counts: (parts, draws, units).
        resamples: how many; 0 asks for no interval.
        rng: where the weights come from.
        level: nominal coverage.

    Returns:
        (metrics, 2) lower and upper ends, or None where there are fewer than two units or no usable resample.
    """
    parts, draws, units, metrics = sums.shape
    if units < 2 or resamples < 1:
        return None
    table = sums.transpose(2, 0, 1, 3).reshape(units, -1)
    totals = counts.transpose(2, 0, 1).reshape(units, -1)
    estimates = []
    step = max(1, WEIGHTS_AT_ONCE // units)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        weights = rng.multinomial(units, np.full(units, 1 / units), size=size).astype(np.float64)
        below = weights @ totals
        usable = (below > 0).all(axis=1)
        ratios = (weights @ table)[usable].reshape(-1, parts * draws, metrics) / below[usable, :, None]
        estimates.append(ratios.mean(axis=1))
    found = np.concatenate(estimates)
    if not len(found):
        return None
    ends: Float64 = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0).T
    return ends
