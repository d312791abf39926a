"""Temperature scaling: fit a temperature on held-out logits, and measure the calibration before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.classification import require_classes
from eval.metrics.probabilities import ece, largest_logits, row_blocks
from retrieval.errors import InputError
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


TEMPERATURES = (1e-4, 1e4)
"""Range of the fitted temperature."""


class Calibration(NamedTuple):
    """A fitted temperature, with NLL and ECE (15 bins) of the samples it was fitted on, before and after.

    ``at_bound`` is True if the temperature is an end of :data:`TEMPERATURES`, as it is if all samples are right, where
    the best temperature is 0. ``rows`` is the number of samples fitted on; ``left_out`` the number whose true class
    could not be answered (its logit is -inf).
    """

    temperature: float
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float
    at_bound: bool
    rows: int
    left_out: int


def fit_temperature(logits: NDArray[np.floating], labels: Int64) -> Calibration:
    """Find the temperature T that maximises the likelihood of softmax(logits / T) (Guo et al. 2017).

    The negative log-likelihood is convex in 1 / T, so Brent's bounded minimiser on log T finds its one minimum.
    Everything is computed in float64: in float32 the likelihood of cosines is constant up to rounding, so a search
    would not move.

    Args:
        logits: (n, C); -inf is a class that cannot be answered.
        labels: (n,) true classes.

    Raises:
        InputError: a logit is NaN or +inf, or the samples that can be fitted are of fewer than two classes.
    """
    from scipy.optimize import minimize_scalar

    require_classes(labels, logits.shape[1])
    shifted, truth = _fittable(logits, labels)

    def loss(log_temperature: float) -> float:
        return _mean_nll(shifted, truth, float(np.exp(log_temperature)))

    low, high = np.log(TEMPERATURES)
    inner = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9, "maxiter": 200}).x
    # If all samples are right, the loss is 0 below some temperature, and the minimiser may end anywhere there.
    best = min((low, high, inner), key=loss)
    temperature = float(np.exp(best))
    return Calibration(
        temperature=temperature,
        nll_before=loss(0.0),
        nll_after=loss(best),
        ece_before=_ece_at(shifted, truth, 1.0),
        ece_after=_ece_at(shifted, truth, temperature),
        at_bound=bool(min(best - low, high - best) < 1e-6),
        rows=len(truth),
        left_out=len(labels) - len(truth),
    )


def _fittable(logits: NDArray[np.floating], labels: Int64) -> tuple[Float64, Int64]:
    """Logits (float64, less the largest of their row) and labels of the rows whose true class can be answered."""
    kept = np.flatnonzero(logits[np.arange(len(labels)), labels] != -np.inf)
    truth = labels[kept]
    classes = len(np.unique(truth))
    if classes < 2:
        raise InputError(
            f"A temperature needs val samples of at least two of the classes to choose from, and there are samples of "
            f"{classes}; give more val samples, or leave calibration out."
        )
    shifted = logits[kept].astype(np.float64)
    shifted -= largest_logits(shifted)
    return shifted, truth


def _mean_nll(shifted: Float64, labels: Int64, temperature: float) -> float:
    """Mean negative log-likelihood at a temperature, of logits whose largest is 0."""
    total = 0.0
    for rows in row_blocks(*shifted.shape):
        scaled = shifted[rows] / temperature
        of_truth = scaled[np.arange(len(scaled)), labels[rows]]
        total += float((np.log(np.exp(scaled, out=scaled).sum(axis=1)) - of_truth).sum())
    return total / len(labels)


def _ece_at(shifted: Float64, labels: Int64, temperature: float) -> float:
    """ECE at a temperature: the predicted class has the logit 0, so its probability is 1 / sum of exponentials."""
    confidence = np.concatenate(
        [1 / np.exp(shifted[rows] / temperature).sum(axis=1) for rows in row_blocks(*shifted.shape)]
    )
    return ece(confidence, shifted.argmax(axis=1) == labels)
