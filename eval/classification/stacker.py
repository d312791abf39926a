"""A logistic-regression stacker (Wolpert 1992): class probabilities of all arms in, class probabilities out.

For sample i and class c, with x_iac = log p_a(c | i) less its mean over the classes, the logit is

    z_ic = sum_a (w_a + d_ac) x_iac + b_c,

and the softmax over c gives probabilities. This is a conditional logit (McFadden 1974): the logit of class c depends on
the probabilities of class c alone. w are weights shared by all classes; d and b are deviations and biases of single
classes. The loss is

    sum_i v_i nll_i + (sum_a (w_a - 1/A)^2 + sum_ac d_ac^2 + sum_c b_c^2) / (2 C)

with the inverse regularisation C and row weights v. A class without a row keeps d = b = 0 and is left out of the fit.
A regression of every class on all columns of all arms (A C^2 parameters) is not offered: in a simulation with nine and
with ninety rows per class it was no better on new samples.

With theta_ac = w_a + d_ac and K classes that have rows, the best w has w_a - 1/A = sum_c (theta_ac - 1/A) / (K + 1), so
the loss is a function of theta and b alone. Newton's method minimises it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from eval.metrics.probabilities import nll, softmax
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

FEW_PER_CLASS = 5
"""A class with fewer rows than this is warned of: its d and b are determined mostly by the regularisation."""

FLOOR = 1e-9
"""Smallest probability before the logarithm, so that one confident wrong arm cannot outweigh all others."""

MAX_PARAMETERS = 8_000
"""Largest number of parameters; Newton's method stores a square matrix of this size."""

ROWS_AT_ONCE = 2048
MAX_STEPS, MAX_HALVINGS = 100, 40
REUSE_FACTOR = 5
"""The second derivative is reused while each step predicts a decrease at least this many times smaller."""

TOLERANCE = 1e-6
"""Newton's method ends when a step predicts a smaller decrease of the loss per row."""


class Stacker(NamedTuple):
    """A fitted stacker.

    ``theta`` (A + 1, C): weights of the arms and, in the last row, biases; ``c``: the inverse regularisation;
    ``held_out_nll``: mean negative log-likelihood in cross-validation; ``out_of_fold`` (n, C): class probabilities of
    every row by a fit of the other folds. The last two are None without cross-validation.
    """

    theta: Float64
    c: float
    held_out_nll: float | None
    warnings: tuple[str, ...]
    out_of_fold: Float32 | None = None

    def mix(self, probs: Sequence[Float32]) -> Float32:
        """Compute class probabilities (n, C) from those of every arm, each (n, C)."""
        mixed = np.empty(probs[0].shape, np.float32)
        for start in range(0, len(mixed), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            mixed[rows] = softmax(_logits(_features([arm_probs[rows] for arm_probs in probs]), self.theta))
        return mixed


class _Fit(NamedTuple):
    """A fit: ``theta`` (A + 1, C), ``codes`` (K,) of the classes that have rows.

    ``curvature`` ((A + 1) K, (A + 1) K) is the second derivative of their loss by theta.
    """

    theta: Float64
    codes: Int64
    curvature: Float64

    def curvature_of(self, codes: Int64) -> Float64:
        """Return the part of ``curvature`` that belongs to ``codes``, a subset of the classes."""
        entries = np.arange(len(self.theta))[:, None] * len(self.codes) + np.searchsorted(self.codes, codes)
        part: Float64 = self.curvature[np.ix_(entries.ravel(), entries.ravel())]
        return part


class _CrossValidation(NamedTuple):
    """Cross-validation of one ``c``: mean negative log-likelihood, and class probabilities (n, C) out of fold."""

    c: float
    nll: float
    probs: Float32


class _Rows(NamedTuple):
    """Training data: ``features`` (A + 1, n, K) of the K classes that have rows, ``labels`` and ``weights`` (n,)."""

    features: Float32
    labels: Int64
    weights: Float32

    def blocks(self) -> Iterator[_Rows]:
        """Yield :data:`ROWS_AT_ONCE` rows at a time."""
        for start in range(0, len(self.labels), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            yield _Rows(self.features[:, rows], self.labels[rows], self.weights[rows])


def fit_stacker(
    probs: Sequence[Float32],
    labels: Int64,
    cs: Sequence[float],
    folds: int,
    class_weight: Literal["none", "balanced"],
    seed: int,
    *,
    out_of_fold: bool = False,
) -> Stacker:
    """Fit the regression that the module docstring defines.

    The value of ``cs`` with the lowest mean negative log-likelihood in stratified cross-validation is used.

    Args:
        probs: per arm (n, C) class probabilities of val samples.
        labels: (n,) their class codes.
        cs: values of the inverse regularisation to compare.
        folds: number of folds; with fewer rows than folds, every row is a fold.
        class_weight: ``balanced`` weighs rows by the inverse frequency of their class.
        seed: seed of the folds.
        out_of_fold: cross-validate even if ``cs`` has one value, to have probabilities out of fold.

    Raises:
        InputError: the rows are of fewer than two classes, or there are more than :data:`MAX_PARAMETERS` parameters.
    """
    classes = probs[0].shape[1]
    counts = np.bincount(labels, minlength=classes)
    seen = int((counts > 0).sum())
    if seen < 2:
        raise InputError(
            f"A stacker learns from val samples of several classes, and the {len(labels)} are of {seen}; use more val "
            "samples, `val_from=train:0.1`, or `method=alpha`."
        )
    if (len(probs) + 1) * seen > MAX_PARAMETERS:
        raise InputError(
            f"A stacker of {len(probs)} arms cannot be fitted for {seen:,} classes; pass `method=alpha` or per_class."
        )
    features = _features(probs)
    fits: dict[float, _Fit] = {}
    for c in sorted(set(cs)):
        fits[c] = _fitted(features, labels, c, class_weight, fits[max(fits)] if fits else None)
    if len(fits) == 1 and not out_of_fold:
        return Stacker(fits[min(fits)].theta, min(fits), None, _few_rows_warnings(counts))
    fold_of = stratified_folds(labels, folds, seed)
    validations = (_cross_validated(features, labels, fold_of, c, fit, class_weight) for c, fit in fits.items())
    best = min(validations, key=lambda validation: validation.nll)
    return Stacker(fits[best.c].theta, best.c, best.nll, _few_rows_warnings(counts), best.probs)


def _few_rows_warnings(counts: Int64) -> tuple[str, ...]:
    """Warn of classes with no rows or few; ``counts`` (C,) are rows per class."""
    classes, remedy = len(counts), "use more val samples or `val_from=train:0.1`"
    unseen = int((counts == 0).sum())
    few = int(((counts > 0) & (counts < FEW_PER_CLASS)).sum())
    words = []
    if unseen:
        words.append(
            f"The stacker never saw {unseen} of {classes} classes (it was fitted on {counts.sum()} val samples); they "
            f"have the weights that all classes share. To fit them, {remedy}."
        )
    if few:
        words.append(
            f"The stacker saw fewer than {FEW_PER_CLASS} val samples of {few} of {classes} classes; their "
            f"weights are mostly those that all classes share. To fit them better, {remedy}."
        )
    return tuple(words)


def _features(probs: Sequence[Float32]) -> Float32:
    """Compute the centred logarithms of every arm, and ones for the bias: (A + 1, n, C).

    A class that has probability 0 in all rows of an arm cannot be answered by it; its feature is 0.
    """
    features = np.ones((len(probs) + 1, *probs[0].shape), np.float32)
    for at, arm_probs in enumerate(probs):
        answerable = arm_probs.any(axis=0)
        logs = np.log(np.maximum(arm_probs[:, answerable], np.float32(FLOOR)))
        logs -= logs.mean(axis=1, keepdims=True)
        features[at] = 0
        features[at][:, answerable] = logs
    return features


def _logits(features: Float32, theta: Float64) -> Float32:
    """Compute the logits z (n, C) of features (A + 1, n, C)."""
    logits: Float32 = np.einsum("anc,ac->nc", features, theta.astype(np.float32))
    return logits


def _fitted(
    features: Float32, labels: Int64, c: float, class_weight: Literal["none", "balanced"], near: _Fit | None = None
) -> _Fit:
    """Fit theta (A + 1, C), classes without rows included; start at ``near``, a fit that has at least these classes."""
    arms, classes = len(features) - 1, features.shape[2]
    codes, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = np.ones(len(labels)) if class_weight == "none" else (len(labels) / len(codes) / counts)[at]
    rows = _Rows(features[:, :, codes], at.astype(np.int64), weights.astype(np.float32))
    prior = np.zeros((arms + 1, 1))
    prior[:arms] = 1 / arms
    start = np.broadcast_to(prior, (arms + 1, classes)) if near is None else near.theta
    curvature = None if near is None else near.curvature_of(codes)
    fitted, curvature = _newton(rows, start[:, codes].copy(), prior, c, curvature)
    shared = (fitted - prior)[:arms].sum(axis=1) / (len(codes) + 1)
    theta = np.zeros((arms + 1, classes))
    theta[:arms] = (prior[:arms, 0] + shared)[:, None]
    theta[:, codes] = fitted
    return _Fit(theta, codes, curvature)


def _newton(
    rows: _Rows, theta: Float64, prior: Float64, c: float, curvature: Float64 | None
) -> tuple[Float64, Float64]:
    """Minimise the penalised loss, which is convex, from ``theta``.

    Computing the second derivative is most of the work, so it is reused while the predicted decrease of the loss falls
    by :data:`REUSE_FACTOR` or more per step.

    Returns:
        theta at the minimum, and the second derivative of the loss that was used last.
    """
    from scipy.linalg import cho_factor, cho_solve

    penalty = _penalty(theta, c)
    loss = _loss(rows, theta, theta - prior, penalty)
    curvature = _curvature(rows, theta) if curvature is None else curvature
    factor = cho_factor(curvature + penalty)
    before = np.inf
    for _ in range(MAX_STEPS):
        gradient = _gradient(rows, theta) + penalty @ (theta - prior).ravel()
        step = cho_solve(factor, gradient)
        predicted = float(gradient @ step) / 2
        if predicted > before / REUSE_FACTOR:
            curvature = _curvature(rows, theta)
            factor = cho_factor(curvature + penalty)
            step = cho_solve(factor, gradient)
            predicted = float(gradient @ step) / 2
        before = predicted
        for halvings in range(MAX_HALVINGS):
            next_theta = theta - (0.5**halvings) * step.reshape(theta.shape)
            next_loss = _loss(rows, next_theta, next_theta - prior, penalty)
            if next_loss <= loss:
                theta, loss = next_theta, next_loss
                break
        else:
            break  # no smaller loss within the precision of float32
        if predicted < TOLERANCE * len(rows.labels):
            break
    return theta, curvature


def _penalty(theta: Float64, c: float) -> Float64:
    """Return the second derivative of the penalty by theta, whose last row is the bias: (m, m) of m parameters."""
    numbers, classes = theta.shape
    penalty = np.eye(numbers * classes)
    for arm in range(numbers - 1):
        block = slice(arm * classes, (arm + 1) * classes)
        penalty[block, block] -= 1 / (classes + 1)
    return penalty / c


def _loss(rows: _Rows, theta: Float64, deviation: Float64, penalty: Float64) -> float:
    """Compute the penalised loss; ``deviation`` is theta less its prior."""
    total = 0.5 * float(deviation.ravel() @ penalty @ deviation.ravel())
    for block in rows.blocks():
        logits = _logits(block.features, theta)
        logits -= logits.max(axis=1, keepdims=True)
        true_logits = logits[np.arange(len(logits)), block.labels]
        losses = np.log(np.exp(logits).sum(axis=1)) - true_logits
        total += float(block.weights @ losses.astype(np.float64))
    return total


def _gradient(rows: _Rows, theta: Float64) -> Float64:
    """Return the gradient of the loss by theta: (m,)."""
    gradient = np.zeros(theta.shape)
    for block in rows.blocks():
        residuals = softmax(_logits(block.features, theta))
        residuals[np.arange(len(residuals)), block.labels] -= 1
        residuals *= block.weights[:, None]
        gradient += np.einsum("anc,nc->ac", block.features, residuals)
    return gradient.ravel()


def _curvature(rows: _Rows, theta: Float64) -> Float64:
    """Return the second derivative of the loss by theta, (m, m): v p_c x_a x_b if c = d, less (v p_c x_a) (p_d x_b)."""
    numbers, classes = theta.shape
    curvature = np.zeros((numbers * classes, numbers * classes))
    within = np.zeros((numbers, numbers, classes))
    for block in rows.blocks():
        probs = softmax(_logits(block.features, theta))
        weighted = probs * block.weights[:, None]
        for one in range(numbers):
            within[one] += np.einsum("nc,anc->ac", weighted * block.features[one], block.features)
        flat = (np.sqrt(block.weights)[:, None] * probs * block.features).transpose(1, 0, 2).reshape(len(probs), -1)
        curvature -= flat.T @ flat
    codes = np.arange(classes)
    for one in range(numbers):
        for other in range(numbers):
            curvature[one * classes + codes, other * classes + codes] += within[one, other]
    return curvature


def _cross_validated(
    features: Float32, labels: Int64, fold_of: Int64, c: float, fit: _Fit, class_weight: Literal["none", "balanced"]
) -> _CrossValidation:
    """Predict every row by a fit of the other folds, each started at ``fit``, the fit of all rows."""
    probs = np.empty(features.shape[1:], np.float32)
    for fold in range(int(fold_of.max()) + 1):
        train, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        theta = _fitted(features[:, train], labels[train], c, class_weight, fit).theta
        probs[held] = softmax(_logits(features[:, held], theta))
    return _CrossValidation(c, float(nll(probs, labels).mean()), probs)


def stratified_folds(labels: Int64, folds: int, seed: int) -> Int64:
    """Assign every row to a fold: (n,) codes. With fewer rows than ``folds``, every row has its own fold.

    The rows of each class are shuffled and assigned to the folds in turn; each class continues where the last ended.
    """
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    fold_of = np.empty(len(labels), np.int64)
    fold_of[shuffled] = np.arange(len(labels)) % folds
    return fold_of
