"""Class probabilities: softmax of logits, negative log-likelihood, Brier score and calibration.

Used by the metrics of classifications, by the fit of temperatures and by modes that mix probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.classification import require_classes
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]
    Bool = NDArray[np.bool_]

EPSILON = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm, as scikit-learn's ``log_loss`` does."""

NLL_LIMITS = (-float(np.log1p(-EPSILON)), -float(np.log(EPSILON)))
"""Least and largest negative log-likelihood of clipped probabilities, 2e-16 and 36.04: limits of a mean of them."""

BINS = 15
"""Bins of the calibration error."""

CELLS_AT_ONCE = 1_000_000
"""Cells (rows times classes) of a block of logits or probabilities that is computed in float64 at once."""


class Reliability(NamedTuple):
    """A reliability diagram: mean ``confidence``, ``accuracy`` and ``count`` of every bin, each (bins,).

    The first two are 0 in an empty bin.
    """

    confidence: Float64
    accuracy: Float64
    count: Int64  # type: ignore[assignment] # hides tuple.count


def softmax(logits: NDArray[np.floating]) -> Float32:
    """Class probabilities (n, C) float32, computed in float64 in blocks of rows; a logit of -inf gives 0.

    Raises:
        InputError: a row has no finite logit, or one that is NaN or +inf.
    """
    probs = np.empty(logits.shape, np.float32)
    for rows in row_blocks(*logits.shape):
        block = logits[rows].astype(np.float64)
        block -= largest_logits(block)
        np.exp(block, out=block)
        probs[rows] = block / block.sum(axis=1, keepdims=True)
    return probs


def nll(probs: NDArray[np.floating], labels: Int64) -> Float64:
    """Negative log-likelihood (n,) of the true classes, natural logarithm, clipped as :data:`EPSILON` says.

    The mean is scikit-learn's ``log_loss`` of float64 probabilities (which clips float32 ones at 1.2e-7 instead).

    Args:
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
    """
    require_classes(labels, probs.shape[1])
    likelihood = probs[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(likelihood, EPSILON, 1 - EPSILON))


def brier(probs: NDArray[np.floating], labels: Int64) -> Float64:
    """Brier score (n,): squared error summed over all classes, 0 (sure and right) to 2 (sure and wrong).

    This is Brier's (1950) definition; the common score of two classes, which uses one of them, is half of it.

    Args:
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
    """
    require_classes(labels, probs.shape[1])
    scores = np.empty(len(labels))
    for rows in row_blocks(*probs.shape):
        errors = probs[rows].astype(np.float64)
        errors[np.arange(len(errors)), labels[rows]] -= 1
        scores[rows] = np.einsum("ij,ij->i", errors, errors)
    return scores


def bin_of(confidence: NDArray[np.floating], bins: int) -> Int64:
    """Equal-width bin (n,) of each confidence: bin b holds (b / bins, (b + 1) / bins], the first also 0."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left").astype(np.int64)


def reliability(confidence: NDArray[np.floating], correct: Bool, bins: int = BINS) -> Reliability:
    """Compare confidence and accuracy per bin of :func:`bin_of` (Niculescu-Mizil and Caruana 2005).

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether the predicted class is the true one.
        bins: number of bins.
    """
    bin_numbers = bin_of(confidence, bins)
    count = np.bincount(bin_numbers, minlength=bins)
    filled = np.maximum(count, 1)
    return Reliability(
        np.bincount(bin_numbers, confidence.astype(np.float64), bins) / filled,
        np.bincount(bin_numbers, correct.astype(np.float64), bins) / filled,
        count,
    )


def ece(confidence: NDArray[np.floating], correct: Bool, bins: int = BINS) -> float:
    """Expected calibration error: mean over samples of abs(accuracy - confidence) of their bin.

    Naeini et al. 2015; Guo et al. 2017, eq. 3. It is biased upwards with few samples, also for a calibrated model.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether the predicted class is the true one.
        bins: number of bins.

    Raises:
        InputError: there are no samples.
    """
    if not len(confidence):
        raise InputError("There are no samples to measure calibration on.")
    diagram = reliability(confidence, correct, bins)
    return float((diagram.count * np.abs(diagram.accuracy - diagram.confidence)).sum() / len(confidence))


def accuracy_coverage(confidence: NDArray[np.floating], correct: Bool, points: int = 101) -> tuple[Float64, Float64]:
    """Accuracy among the most confident samples, for increasing coverage (El-Yaniv and Wiener 2010).

    Where a coverage ends among samples of equal confidence, each of them counts with the same fraction. That is the
    mean over all orders of these samples, so the accuracy does not depend on the order of rows. The accuracy at a
    coverage of less than one sample, 0 included, is that of one sample.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether the predicted class is the true one.
        points: number of coverages, evenly from 0 to 1.

    Returns:
        Coverage and accuracy, each (points,).

    Raises:
        InputError: there are no samples.
    """
    if not len(confidence):
        raise InputError("There are no samples to measure accuracy over coverage on.")
    _, tie, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    kept = np.concatenate([[0], np.cumsum(sizes)])
    right = np.concatenate([[0], np.cumsum(np.bincount(tie, correct.astype(np.float64)))])
    coverage = np.linspace(0, 1, points)
    samples = np.maximum(coverage * len(confidence), 1)
    return coverage, np.interp(samples, kept, right) / samples


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows with at most :data:`CELLS_AT_ONCE` cells each."""
    step = max(1, CELLS_AT_ONCE // max(1, columns))
    return (slice(start, start + step) for start in range(0, rows, step))


def largest_logits(logits: Float64) -> Float64:
    """Find the largest logit of each row: (n, 1).

    Raises:
        InputError: a row has no finite logit, or one that is NaN or +inf.
    """
    largest: Float64 = logits.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise InputError("A sample's logits give no probabilities: one is NaN or +inf, or all are -inf.")
    return largest
