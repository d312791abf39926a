"""Verification: how well scores separate pairs of one identity (genuine) from pairs of two (impostor).

A pair is a match if its score is *above* the threshold. FMR, the false match rate (also FPR), is the fraction of
impostor pairs above it; FNMR, the false non-match rate (1 - TPR), the fraction of genuine pairs that are not
(ISO/IEC 19795-1). Curves are arrays over ascending thresholds; a second axis, if any, is over resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Tally(NamedTuple):
    """Scores with multiplicities: ``values`` (n,) ascending, with repeats allowed, and ``counts`` (n,) of each."""

    values: Float64
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """Number of scores."""
        return int(self.counts.sum())

    def share_above(self, thresholds: Float64) -> Float64:
        """Compute the fraction of scores above each of the thresholds (t,)."""
        cumulated = np.concatenate([[0], np.cumsum(self.counts)])
        below = cumulated[np.searchsorted(self.values, thresholds, side="right")]
        share: Float64 = (cumulated[-1] - below) / cumulated[-1]
        return share


class ErrorCurve(NamedTuple):
    """Error rates over ascending ``thresholds`` (t,): ``fmr`` decreases, ``fnmr`` increases.

    Both are (t,) or (t, resamples).
    """

    thresholds: Float64
    fmr: Float64
    fnmr: Float64


def tally(scores: NDArray[np.floating]) -> Tally:
    """Count every score once."""
    return Tally(np.sort(scores).astype(np.float64), np.ones(len(scores), np.int64))


def error_curve(genuine: Tally, impostor: Tally) -> ErrorCurve:
    """Compute the error rates at -inf and at every distinct score: all points of the ROC curve, from (1, 1) to (0, 0).

    Args:
        genuine: scores of genuine pairs, at least one.
        impostor: scores of impostor pairs, at least one.
    """
    thresholds = np.concatenate([[-np.inf], np.union1d(genuine.values, impostor.values)])
    return ErrorCurve(thresholds, impostor.share_above(thresholds), 1 - genuine.share_above(thresholds))


def area_under_roc(curve: ErrorCurve) -> Float64:
    """Area under the ROC curve by the trapezoid rule: the probability that a genuine score is above an impostor score.

    Ties count one half (Hanley and McNeil 1982).

    Returns:
        () or (resamples,).
    """
    tpr = 1 - curve.fnmr
    area: Float64 = ((tpr[1:] + tpr[:-1]) / 2 * -np.diff(curve.fmr, axis=0)).sum(axis=0)
    return area


def equal_error_rate(curve: ErrorCurve) -> Float64:
    """EER: the rate at which FMR equals FNMR, on straight lines between neighbouring points of the ROC curve.

    FNMR - FMR increases with the threshold from -1 to 1; between the last point where it is <= 0 and the next one,
    both rates are interpolated linearly.

    Returns:
        () or (resamples,).
    """
    gap = curve.fnmr - curve.fmr
    at = (gap <= 0).sum(axis=0) - 1
    before, after = _at(gap, at), _at(gap, at + 1)
    part = -before / (after - before)
    start = _at(curve.fmr, at)
    rate: Float64 = start + part * (_at(curve.fmr, at + 1) - start)
    return rate


def tpr_at_fpr(curve: ErrorCurve, fpr: float) -> Float64:
    """Largest TPR of a threshold whose FPR is at most ``fpr``, without interpolation.

    Args:
        curve: error rates.
        fpr: in [0, 1].

    Returns:
        () or (resamples,).
    """
    return 1 - _at(curve.fnmr, _first_allowed(curve, fpr))


def threshold_at_fmr(curve: ErrorCurve, fmr: float) -> float:
    """Smallest threshold of a curve (t,) whose FMR is at most ``fmr``."""
    return float(curve.thresholds[_first_allowed(curve, fmr)])


def fnmr_at_fmr(genuine: Tally, impostor: Tally, fmr: float) -> float:
    """FNMR at the threshold that is the 1 - ``fmr`` quantile of the impostor scores.

    The quantile is interpolated between neighbouring scores. This is FNMR@FMR of OML, for scores instead of distances.
    With few impostors the FMR at that threshold may be above ``fmr``; that of :func:`tpr_at_fpr` never is.
    """
    place = (impostor.total - 1) * (1 - fmr)
    lower = round(place) if abs(place - round(place)) < 1e-9 else int(np.floor(place))
    cumulated = np.cumsum(impostor.counts)
    low, high = (
        impostor.values[np.searchsorted(cumulated, min(at, impostor.total - 1), side="right")]
        for at in (lower, lower + 1)
    )
    threshold = low + max(0.0, place - lower) * (high - low)
    return float(1 - genuine.share_above(np.array([threshold]))[0])


def _first_allowed(curve: ErrorCurve, fmr: float) -> NDArray[np.int64]:
    """Row of the smallest threshold whose FMR is at most ``fmr``, up to rounding."""
    first: NDArray[np.int64] = (curve.fmr > fmr + 1e-12).sum(axis=0)
    return first


def _at(values: Float64, rows: NDArray[np.int64]) -> Float64:
    """Values at one row, or at one row per resample."""
    picked: Float64 = values[rows] if values.ndim == 1 else values[rows, np.arange(values.shape[1])]
    return picked
