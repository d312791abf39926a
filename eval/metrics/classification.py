"""Counts per class (samples, predictions, hits), the metrics made of them, and ranks of the true class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.seams.options import MacroOver
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

ROWS_AT_ONCE = 1024
"""Rows of a block of scores; with a few hundred classes it fits the cache."""


class ClassCounts(NamedTuple):
    """Weighted counts of C classes: samples (``support``), predictions (``predicted``) and right ones (``hits``).

    All are (C,) float64, or (C, resamples). The metrics have the same shape, and are 0 where their denominator is.
    """

    support: Float64
    predicted: Float64
    hits: Float64

    @property
    def precision(self) -> Float64:
        """Fraction of the predictions of a class that are right."""
        return _ratio(self.hits, self.predicted)

    @property
    def recall(self) -> Float64:
        """Fraction of the samples of a class that are predicted as it."""
        return _ratio(self.hits, self.support)

    @property
    def f1(self) -> Float64:
        """Harmonic mean of precision and recall (van Rijsbergen 1979): 2 hits / (support + predicted)."""
        return _ratio(2 * self.hits, self.support + self.predicted)

    @property
    def jaccard(self) -> Float64:
        """Intersection over union of truth and prediction: hits / (support + predicted - hits)."""
        return _ratio(self.hits, self.support + self.predicted - self.hits)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that have samples (Brodersen et al. 2010); nan if none has."""
        return float(self.macro(self.recall, "truth"))

    def macro(self, values: Float64, over: MacroOver, weights: Float64 | None = None) -> Float64:
        """Compute the mean of ``values`` over classes.

        Args:
            values: (C,) or (C, resamples), such as :attr:`f1`.
            over: the classes that count: those with samples or predictions (``present``, scikit-learn's default), all
                of the ``universe``, or those with samples (``truth``).
            weights: of the classes in the mean, in the shape of ``values``; None weighs them alike.

        Returns:
            () or (resamples,); nan if no class counts.
        """
        counted = {
            "present": self.support + self.predicted > 0,
            "universe": np.ones(self.support.shape, np.bool_),
            "truth": self.support > 0,
        }[over]
        shares = counted.astype(np.float64) if weights is None else counted * weights
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Float64 = (values * shares).sum(axis=0) / shares.sum(axis=0)
        return mean


def class_counts(labels: Int64, predictions: Int64, classes: int, weights: Float64 | None = None) -> ClassCounts:
    """Count samples, predictions and hits of every class.

    Args:
        labels: (n,) true classes, 0 to ``classes`` - 1.
        predictions: (n,) predicted classes.
        classes: C.
        weights: (n,) of the samples; None weighs them alike.
    """
    require_classes(labels, classes)
    hit = labels == predictions
    return ClassCounts(
        np.bincount(labels, weights, classes).astype(np.float64),
        np.bincount(predictions, weights, classes).astype(np.float64),
        np.bincount(labels[hit], None if weights is None else weights[hit], classes).astype(np.float64),
    )


def confusion(labels: Int64, predictions: Int64, classes: int) -> Int64:
    """Count how often samples of class i (row) are predicted as class j (column): (C, C)."""
    require_classes(labels, classes)
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def true_ranks(scores: Float32, labels: Int64) -> Int64:
    """Rank the classes by descending score, equal scores by ascending class, and return the rank of the true class.

    Rank 1 is therefore where ``scores.argmax(axis=1)`` is the label. A true class that cannot be answered is last where
    another can be: no k answers have it among them, unless k is C. Rows are ranked block by block.

    Args:
        scores: (n, C); -inf is a class that cannot be answered.
        labels: (n,) true classes, 0 to C - 1.

    Returns:
        (n,) ranks, from 1 to C.

    Raises:
        InputError: a score is NaN, or a label is not a class.
    """
    require_classes(labels, scores.shape[1])
    ranks = np.empty(len(scores), np.int64)
    for start in range(0, len(scores), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        ranks[rows] = block_ranks(scores[rows], labels[rows])
    return ranks


def block_ranks(scores: Float32, labels: Int64) -> Int64:
    """Compute :func:`true_ranks` of one block, without a check of its labels."""
    if np.isnan(scores.min(initial=0)):
        raise InputError("Class scores are not numbers (NaN); look for NaN in the vectors or the bank they come from.")
    of_truth = scores[np.arange(len(scores)), labels][:, None]
    before = _count(scores > of_truth)
    tied = np.flatnonzero(_count(scores >= of_truth) - before > 1)
    if len(tied):
        lower = np.arange(scores.shape[1]) < labels[tied, None]
        before[tied] += _count((scores[tied] == of_truth[tied]) & lower)
    hopeless = np.flatnonzero(np.isneginf(of_truth[:, 0]))
    before[hopeless[~np.isneginf(scores[hopeless].max(axis=1))]] = scores.shape[1] - 1
    return before + 1


def require_classes(labels: Int64, classes: int) -> None:
    """Check that labels are numbers of classes.

    Raises:
        InputError: a label is below 0, or not below ``classes``.
    """
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(f"A true class is outside the label universe of {classes}; leave its samples out.")


def _count(marks: NDArray[np.bool_]) -> Int64:
    """Number of True per row of ``marks`` (n, C); by a matrix product, since numpy adds booleans slowly."""
    ones = np.ones(marks.shape[1], np.float32)
    return (marks.astype(np.float32) @ ones).astype(np.int64)


def _ratio(above: Float64, below: Float64) -> Float64:
    """``above / below``, 0 where ``below`` is 0."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)
