"""Counts of a classification: ranks of the true class, what was predicted and what was right, class by class."""

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
"""Rows of a block of scores: at a few hundred classes it stays in the cache."""


class ClassCounts(NamedTuple):
    """Weighted counts of C classes: ``support`` in truth, ``predicted``, and ``hits``, which are both.

    All are (C,) float64, or (C, resamples); the fractions have the same shape, and are 0 where there is nothing to
    count.
    """

    support: Float64
    predicted: Float64
    hits: Float64

    @property
    def precision(self) -> Float64:
        """Share of the predictions of a class that are right."""
        return _ratio(self.hits, self.predicted)

    @property
    def recall(self) -> Float64:
        """Share of the samples of a class that are found."""
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
        """Mean recall of the classes that have samples (Brodersen et al. 2010); nan where none has."""
        return float(self.macro(self.recall, "truth"))

    def macro(self, values: Float64, over: MacroOver, weights: Float64 | None = None) -> Float64:
        """Mean of ``values`` over classes.

        Args:
            values: (C,) or (C, resamples), such as :attr:`f1`.
            over: the classes that count: those with samples or predictions (``present``, scikit-learn's default), all
                of the ``universe``, or those with samples (``truth``).
            weights: of the classes in the mean, in the shape of ``values``; None weighs them alike.

        Returns:
            () or (resamples,); nan where no class counts.
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
    """Count how often class i (row) was taken for class j (column): (C, C)."""
    require_classes(labels, classes)
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def true_ranks(scores: Float32, labels: Int64) -> Int64:
    """Rank of the true class, from 1; the higher score first, and of equal scores the lower class.

    So rank 1 is where ``scores.argmax(axis=1)`` is the label. Work is done in blocks of rows.

    Args:
        scores: (n, C); -inf is allowed.
        labels: (n,) true classes, 0 to C - 1.

    Returns:
        (n,) ranks, 1 to C.

    Raises:
        InputError: a score is not a number, or a label is not a class.
    """
    require_classes(labels, scores.shape[1])
    ranks = np.empty(len(scores), np.int64)
    for start in range(0, len(scores), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        ranks[rows] = block_ranks(scores[rows], labels[rows])
    return ranks


def block_ranks(scores: Float32, labels: Int64) -> Int64:
    """Ranks as :func:`true_ranks` has them, of one block whose labels are known to be classes."""
    if np.isnan(scores.min(initial=0)):
        raise InputError("Class scores are not numbers (NaN); look for NaN in the vectors or the bank they come from.")
    own = scores[np.arange(len(scores)), labels][:, None]
    before = _count(scores > own)
    tied = np.flatnonzero(_count(scores >= own) - before > 1)
    if len(tied):
        lower = np.arange(scores.shape[1]) < labels[tied, None]
        before[tied] += _count((scores[tied] == own[tied]) & lower)
    return before + 1


def require_classes(labels: Int64, classes: int) -> None:
    """Check that labels are codes of classes.

    Raises:
        InputError: one is below 0, or not below ``classes``.
    """
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(f"A true class is outside the label universe of {classes}; leave its samples out.")


def _count(marks: NDArray[np.bool_]) -> Int64:
    """How many of each row (n, C) are set; a product, as numpy adds booleans slowly."""
    ones = np.ones(marks.shape[1], np.float32)
    return (marks.astype(np.float32) @ ones).astype(np.int64)


def _ratio(above: Float64, below: Float64) -> Float64:
    """``above / below``, 0 where ``below`` is."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)
