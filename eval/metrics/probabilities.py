"""Class probabilities: how they are made of logits, what they lose, and whether they mean what they say."""

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
"""What clipped probabilities can lose: 2e-16 to 36.04."""

BINS = 15


CELLS_AT_ONCE = 1_000_000


class Reliability(NamedTuple):
    """A reliability diagram: mean ``confidence``, ``accuracy`` and ``count`` of every bin, each (bins,).

    The first two are 0 where a bin is empty.
    """

    confidence: Float64
    accuracy: Float64
    count: Int64  # type: ignore[assignment]


def log_softmax(logits: NDArray[np.floating]) -> Float64:
    """Logarithms of class probabilities (n, C), float64; -inf is a class that cannot be.

    Raises:
        InputError: a row has no finite logit, or one that is NaN or +inf.
    """
    shifted = logits.astype(np.float64)
    shifted -= largest_logits(shifted)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def softmax(logits: NDArray[np.floating]) -> Float32:
    """Class probabilities (n, C) float32, computed in float64 in blocks of rows; -inf is a class that cannot be.

    Raises:
        InputError: a row has no finite logit, or one that is NaN or +inf.
    """
    probs = np.empty(logits.shape, np.float32)
    for rows in row_blocks(*logits.shape):
        likely = logits[rows].astype(np.float64)
        likely -= largest_logits(likely)
        np.exp(likely, out=likely)
        probs[rows] = likely / likely.sum(axis=1, keepdims=True)
    return probs


def nll(probs: NDArray[np.floating], labels: Int64) -> Float64:
    """Negative log-likelihood (n,) of the true classes, natural logarithm, clipped as :data:`EPSILON` says.

    The mean is scikit-learn's ``log_loss`` of float64 probabilities (which clips float32 ones at 1.2e-7 instead).

    Args:
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
    """
    require_classes(labels, probs.shape[1])
    own = probs[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(own, EPSILON, 1 - EPSILON))


def brier(probs: NDArray[np.floating], labels: Int64) -> Float64:
    """Brier score (n,): squared error summed over all classes, 0 (sure and right) to 2 (sure and wrong).

    That is Brier's (1950) own definition; the score for two classes that looks at one of them is half of it.

    Args:
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
    """
    require_classes(labels, probs.shape[1])
    found = np.empty(len(labels))
    for rows in row_blocks(*probs.shape):
        errors = probs[rows].astype(np.float64)
        errors[np.arange(len(errors)), labels[rows]] -= 1
        found[rows] = np.einsum("ij,ij->i", errors, errors)
    return found


def bin_of(confidence: NDArray[np.floating], bins: int) -> Int64:
    """Equal-width bin (n,) of each confidence: bin b holds (b / bins, (b + 1) / bins], the first also 0."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left").astype(np.int64)


def reliability(confidence: NDArray[np.floating], correct: Bool, bins: int = BINS) -> Reliability:
    """Compare confidence and accuracy bin by bin (Niculescu-Mizil and Caruana 2005); bins are of :func:`bin_of`.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether it is the true one.
        bins: how many.
    """
    where = bin_of(confidence, bins)
    count = np.bincount(where, minlength=bins)
    filled = np.maximum(count, 1)
    return Reliability(
        np.bincount(where, confidence.astype(np.float64), bins) / filled,
        np.bincount(where, correct.astype(np.float64), bins) / filled,
        count,
    )


def ece(confidence: NDArray[np.floating], correct: Bool, bins: int = BINS) -> float:
    """Expected calibration error: mean over samples of abs(accuracy - confidence) of their bin.

    Naeini et al. 2015; Guo et al. 2017, eq. 3. With few samples it is too large: a perfect classifier has one, too.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether it is the true one.
        bins: how many.

    Raises:
        InputError: there are no samples.
    """
    if not len(confidence):
        raise InputError("There are no samples to measure calibration on.")
    found = reliability(confidence, correct, bins)
    return float((found.count * np.abs(found.accuracy - found.confidence)).sum() / len(confidence))


def accuracy_coverage(confidence: NDArray[np.floating], correct: Bool, points: int = 101) -> tuple[Float64, Float64]:
    """Accuracy among the most confident samples, for growing shares of them (El-Yaniv and Wiener 2010).

    Of samples of equal confidence that a share cuts through, each counts with the same part: the expectation over
    their orders, which hangs on no order of rows. A share of less than one sample is the accuracy of the first.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether it is the true one.
        points: how many shares, evenly from 0 to 1.

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
    """The largest logit of each row (n, 1)."""
    largest: Float64 = logits.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise InputError("A sample's logits give no probabilities: one is NaN or +inf, or all are -inf.")
    return largest
