"""A logistic-regression stacker (Wolpert 1992): class probabilities of all arms in, class probabilities out.

For sample i and class c the arms' logarithms x_iac = log p_a(c | i), less their mean over the classes, make the logit

    z_ic = sum_a (w_a + d_ac) x_iac + b_c,

softmax over c gives probabilities. That is a conditional logit (McFadden 1974): column c of the answer looks at column
c of every arm, so columns cannot come to stand at other classes. w are weights that all classes share; d and b let a
class depart from them. What is minimised is

    sum_i v_i nll_i + (sum_a (w_a - 1/A)^2 + sum_ac d_ac^2 + sum_c b_c^2) / (2 C)

with the inverse regularisation C and row weights v. A class without a row keeps d = b = 0 and takes no part in the
fit. The free regression of every class on all columns of all arms (A C^2 numbers) was left out: at nine and at ninety
rows per class of a simulated study it was no better on new samples than this one.

With theta_ac = w_a + d_ac, w leaves the formula: its best value is w_a - 1/A = sum_c (theta_ac - 1/A) / (K + 1) of K
classes. The rest, theta and b, are found by Newton's method.
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
"""With fewer rows of a class than this its own numbers d and b are mostly regularisation."""

FLOOR = 1e-9
"""Probabilities below this count as this: an arm that is sure and wrong must not silence the others."""

MOST_NUMBERS = 8_000
"""So many can be fitted: Newton's method keeps the square of this."""

ROWS_AT_ONCE = 2048
STEPS, HALVINGS, SHRINKS = 100, 40, 5
TOLERANCE = 1e-6
"""Newton's method ends where a step promises less than this per row."""


class Stacker(NamedTuple):
    """A fitted stacker.

    ``theta`` (A + 1, C): the weights of every arm and the bias of every class; ``c``: the inverse regularisation that
    was taken; ``held_out``: mean negative log-likelihood in cross-validation; ``out_of_fold`` (n, C): the class
    probabilities there of every row, by a fit of the other folds. Both are None where nothing was cross-validated.
    """

    theta: Float64
    c: float
    held_out: float | None
    warnings: tuple[str, ...]
    out_of_fold: Float32 | None = None

    def mix(self, probs: Sequence[Float32]) -> Float32:
        """Class probabilities (n, C) from those of every arm."""
        mixed = np.empty(probs[0].shape, np.float32)
        for start in range(0, len(mixed), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            mixed[rows] = softmax(_logits(_features([each[rows] for each in probs]), self.theta))
        return mixed


class _Fit(NamedTuple):
    """``theta`` (A + 1, C); ``codes`` (K,) of the classes that have rows, and the ``curvature`` of their loss."""

    theta: Float64
    codes: Int64
    curvature: Float64

    def curvature_of(self, codes: Int64) -> Float64:
        """The part for some of its classes."""
        places = np.arange(len(self.theta))[:, None] * len(self.codes) + np.searchsorted(self.codes, codes)
        found: Float64 = self.curvature[np.ix_(places.ravel(), places.ravel())]
        return found


class _Held(NamedTuple):
    """Cross-validation of one ``c``: its mean ``loss``, and the class probabilities (n, C) out of fold."""

    c: float
    loss: float
    probs: Float32


class _Rows(NamedTuple):
    """What is fitted: ``features`` (A + 1, n, K) of the K classes that have rows, ``labels`` and ``weights`` (n,)."""

    features: Float32
    labels: Int64
    weights: Float32

    def blocks(self) -> Iterator[_Rows]:
        """A few rows at a time."""
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
    """Fit the regression that the head of this file says.

    C is the one of ``cs`` with the lowest mean negative log-likelihood in stratified cross-validation.

    Args:
        probs: per arm (n, C) of val samples.
        labels: (n,) classes.
        cs: candidates for the inverse regularisation.
        folds: of the cross-validation; fewer rows than these are left out one by one.
        class_weight: ``balanced`` weighs rows by the inverse frequency of their class.
        seed: of the folds.
        out_of_fold: cross-validate even where there is one candidate, so that there are probabilities out of fold.

    Raises:
        InputError: the rows are of one class, or there are more classes than can be fitted.
    """
    classes = probs[0].shape[1]
    counts = np.bincount(labels, minlength=classes)
    seen = int((counts > 0).sum())
    if seen < 2:
        raise InputError(
            f"A stacker learns from val samples of several classes, and the {len(labels)} are of {seen}; use more val "
            "samples, `val_from=train:0.1`, or `method=alpha`."
        )
    if (len(probs) + 1) * seen > MOST_NUMBERS:
        raise InputError(
            f"A stacker of {len(probs)} arms cannot be fitted for {seen:,} classes; pass `method=alpha` or per_class."
        )
    features = _features(probs)
    fits: dict[float, _Fit] = {}
    for c in sorted(set(cs)):
        fits[c] = _fitted(features, labels, c, class_weight, fits[max(fits)] if fits else None)
    if len(fits) == 1 and not out_of_fold:
        return Stacker(fits[min(fits)].theta, min(fits), None, _few(counts))
    dealt = stratified_folds(labels, folds, seed)
    tried = (_cross_validated(features, labels, dealt, c, near, class_weight) for c, near in fits.items())
    best = min(tried, key=lambda each: each.loss)
    return Stacker(fits[best.c].theta, best.c, best.loss, _few(counts), best.probs)


def _few(counts: Int64) -> tuple[str, ...]:
    """Say which classes a stacker knows little of."""
    classes, ways = len(counts), "use more val samples or `val_from=train:0.1`"
    unseen = int((counts == 0).sum())
    few = int(((counts > 0) & (counts < FEW_PER_CLASS)).sum())
    words = []
    if unseen:
        words.append(
            f"The stacker never saw {unseen} of {classes} classes (it was fitted on {counts.sum()} val samples); they "
            f"have the weights that all classes share. To fit them, {ways}."
        )
    if few:
        words.append(
            f"The stacker saw fewer than {FEW_PER_CLASS} val samples of {few} of {classes} classes and has little of "
            f"its own to say of them; {ways}."
        )
    return tuple(words)


def _features(probs: Sequence[Float32]) -> Float32:
    """Centred logarithms of every arm, then ones for the bias: (A + 1, n, C).

    A class that an arm gives nothing in all rows is one it cannot answer: there it has no opinion (0).
    """
    features = np.ones((len(probs) + 1, *probs[0].shape), np.float32)
    for at, each in enumerate(probs):
        able = each.any(axis=0)
        logs = np.log(np.maximum(each[:, able], np.float32(FLOOR)))
        logs -= logs.mean(axis=1, keepdims=True)
        features[at] = 0
        features[at][:, able] = logs
    return features


def _logits(features: Float32, theta: Float64) -> Float32:
    """Logits z (n, C)."""
    logits: Float32 = np.einsum("anc,ac->nc", features, theta.astype(np.float32))
    return logits


def _fitted(
    features: Float32, labels: Int64, c: float, class_weight: Literal["none", "balanced"], near: _Fit | None = None
) -> _Fit:
    """Fit all classes, those without rows included; ``near`` is a fit of these classes or more to begin with."""
    arms, classes = len(features) - 1, features.shape[2]
    codes, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = np.ones(len(labels)) if class_weight == "none" else (len(labels) / len(codes) / counts)[at]
    rows = _Rows(features[:, :, codes], at.astype(np.int64), weights.astype(np.float32))
    prior = np.zeros((arms + 1, 1))
    prior[:arms] = 1 / arms
    begin = np.broadcast_to(prior, (arms + 1, classes)) if near is None else near.theta
    curvature = None if near is None else near.curvature_of(codes)
    found, curvature = _newton(rows, begin[:, codes].copy(), prior, c, curvature)
    shared = (found - prior)[:arms].sum(axis=1) / (len(codes) + 1)
    theta = np.zeros((arms + 1, classes))
    theta[:arms] = (prior[:arms, 0] + shared)[:, None]
    theta[:, codes] = found
    return _Fit(theta, codes, curvature)


def _newton(
    rows: _Rows, theta: Float64, prior: Float64, c: float, curvature: Float64 | None
) -> tuple[Float64, Float64]:
    """Minimise the penalised loss, which is convex; the second derivative that was used last comes with the place.

    That is most of the work, so it is used again for as long as steps with it shrink what is left to gain.
    """
    from scipy.linalg import cho_factor, cho_solve

    penalty = _penalty(theta, c)
    loss = _loss(rows, theta, theta - prior, penalty)
    curvature = _curvature(rows, theta) if curvature is None else curvature
    factor = cho_factor(curvature + penalty)
    before = np.inf
    for _ in range(STEPS):
        gradient = _gradient(rows, theta) + penalty @ (theta - prior).ravel()
        step = cho_solve(factor, gradient)
        promised = float(gradient @ step) / 2
        if promised > before / SHRINKS:
            curvature = _curvature(rows, theta)
            factor = cho_factor(curvature + penalty)
            step = cho_solve(factor, gradient)
            promised = float(gradient @ step) / 2
        before = promised
        for halvings in range(HALVINGS):
            tried = theta - (0.5**halvings) * step.reshape(theta.shape)
            found = _loss(rows, tried, tried - prior, penalty)
            if found <= loss:
                theta, loss = tried, found
                break
        else:
            break  # float32 cannot tell any more
        if promised < TOLERANCE * len(rows.labels):
            break
    return theta, curvature


def _penalty(theta: Float64, c: float) -> Float64:
    """Second derivative of the penalty for theta, the last row of which is the bias."""
    numbers, classes = theta.shape
    penalty = np.eye(numbers * classes)
    for arm in range(numbers - 1):
        own = slice(arm * classes, (arm + 1) * classes)
        penalty[own, own] -= 1 / (classes + 1)
    return penalty / c


def _loss(rows: _Rows, theta: Float64, apart: Float64, penalty: Float64) -> float:
    total = 0.5 * float(apart.ravel() @ penalty @ apart.ravel())
    for block in rows.blocks():
        logits = _logits(block.features, theta)
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[np.arange(len(logits)), block.labels]
        losses = np.log(np.exp(logits).sum(axis=1)) - own
        total += float(block.weights @ losses.astype(np.float64))
    return total


def _gradient(rows: _Rows, theta: Float64) -> Float64:
    """Of the loss by theta: (m,)."""
    gradient = np.zeros(theta.shape)
    for block in rows.blocks():
        apart = softmax(_logits(block.features, theta))
        apart[np.arange(len(apart)), block.labels] -= 1
        apart *= block.weights[:, None]
        gradient += np.einsum("anc,nc->ac", block.features, apart)
    return gradient.ravel()


def _curvature(rows: _Rows, theta: Float64) -> Float64:
    """Second derivative of the loss by theta, (m, m): v p_c x_a x_b within a class c, less (v p_c x_a) (p_d x_b)."""
    numbers, classes = theta.shape
    curvature = np.zeros((numbers * classes, numbers * classes))
    own = np.zeros((numbers, numbers, classes))
    for block in rows.blocks():
        probs = softmax(_logits(block.features, theta))
        heavy = probs * block.weights[:, None]
        for one in range(numbers):
            own[one] += np.einsum("nc,anc->ac", heavy * block.features[one], block.features)
        flat = (np.sqrt(block.weights)[:, None] * probs * block.features).transpose(1, 0, 2).reshape(len(probs), -1)
        curvature -= flat.T @ flat
    places = np.arange(classes)
    for one in range(numbers):
        for other in range(numbers):
            curvature[one * classes + places, other * classes + places] += own[one, other]
    return curvature


def _cross_validated(
    features: Float32, labels: Int64, dealt: Int64, c: float, near: _Fit, class_weight: Literal["none", "balanced"]
) -> _Held:
    """Answer every row by a fit of the rows that are not of its fold (n,) ``dealt``; the fit of all rows is near."""
    probs = np.empty(features.shape[1:], np.float32)
    for fold in range(int(dealt.max()) + 1):
        train, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
        theta = _fitted(features[:, train], labels[train], c, class_weight, near).theta
        probs[held] = softmax(_logits(features[:, held], theta))
    return _Held(c, float(nll(probs, labels).mean()), probs)


def stratified_folds(labels: Int64, folds: int, seed: int) -> Int64:
    """The fold (n,) of every row, one of n where there are fewer rows than ``folds``.

    Those of a class, shuffled, are dealt out in turn, and the next class goes on.
    """
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(labels)), labels))
    dealt = np.empty(len(labels), np.int64)
    dealt[shuffled] = np.arange(len(labels)) % folds
    return dealt
