"""Verification: how well a score tells pairs of one identity (genuine) from pairs of two (impostor).

A pair is a match where its score is *above* the threshold. FMR, the false match rate (also FPR), is the share of
impostor pairs above it; FNMR, the false non-match rate (1 - TPR), the share of genuine pairs that are not
(ISO/IEC 19795-1). Curves are arrays over ascending thresholds; a second axis, where there is one, holds resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Tally(NamedTuple):
    """Scores with multiplicities: ``values`` (n,) ascending, may repeat; ``counts`` (n,) how often each occurs."""

    values: Float64
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """How many scores there are."""
        return int(self.counts.sum())

    def share_above(self, thresholds: Float64) -> Float64:
        """Share of the scores above each of the thresholds (t,)."""
        cumulated = np.concatenate([[0], np.cumsum(self.counts)])
        below = cumulated[np.searchsorted(self.values, thresholds, side="right")]
        share: Float64 = (cumulated[-1] - below) / cumulated[-1]
        return share


class ErrorCurve(NamedTuple):
    """Error rates over ``thresholds`` (t,) ascending: ``fmr`` falls, ``fnmr`` grows, both (t,) or (t, resamples)."""

    thresholds: Float64
    fmr: Float64
    fnmr: Float64


def tally(scores: NDArray[np.floating]) -> Tally:
    """Every score once."""
    return Tally(np.sort(scores).astype(np.float64), np.ones(len(scores), np.int64))


def error_curve(genuine: Tally, impostor: Tally) -> ErrorCurve:
    """Error rates at -inf and at every distinct score: all points of the ROC curve, (1, 1) and (0, 0) among them.

    Args:
        genuine: at least one score.
        impostor: at least one score.
    """
    thresholds = np.concatenate([[-np.inf], np.union1d(genuine.values, impostor.values)])
    return ErrorCurve(thresholds, impostor.share_above(thresholds), 1 - genuine.share_above(thresholds))


def area_under_roc(curve: ErrorCurve) -> Float64:
    """Area under the ROC curve by the trapezoid rule: the chance that a genuine score beats an impostor score.

    Ties count one half (Hanley and McNeil 1982).

    Returns:
        () or (resamples,).
    """
    tpr = 1 - curve.fnmr
    area: Float64 = ((tpr[1:] + tpr[:-1]) / 2 * -np.diff(curve.fmr, axis=0)).sum(axis=0)
    return area


def equal_error_rate(curve: ErrorCurve) -> Float64:
    """EER: the rate at which FMR equals FNMR, on straight lines between neighbouring points of the ROC curve.

    FNMR - FMR grows with the threshold from -1 to 1; between the last point where it is <= 0 and the next, both
    rates are taken as linear.

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
    """Largest TPR of a threshold whose FPR is at most ``fpr``: no interpolation, never a false match too many.

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
    """FNMR where the threshold is the 1 - ``fmr`` quantile of the impostor scores.

    The quantile is linear between neighbouring scores; this is what OML calls FNMR@FMR, in scores instead of
    distances. With few impostors, the FMR of that threshold may be above ``fmr``: :func:`tpr_at_fpr` never is.
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
    """Row of the smallest threshold whose FMR is at most ``fmr``; rounding does not forbid an FMR that is just it."""
    first: NDArray[np.int64] = (curve.fmr > fmr + 1e-12).sum(axis=0)
    return first


def _at(values: Float64, rows: NDArray[np.int64]) -> Float64:
    """Pick one row, or one row per resample."""
    picked: Float64 = values[rows] if values.ndim == 1 else values[rows, np.arange(values.shape[1])]
    return picked
