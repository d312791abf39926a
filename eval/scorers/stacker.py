"""A logistic-regression stacker: class probabilities of all arms in, class probabilities out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_PER_CLASS = 2
"""With fewer rows per class than this, on average, a stacker learns the rows and not the arms."""

FEW_PER_CLASS = 5
FLOOR = 1e-6
"""Probabilities below this count as this: a class that an arm rules out must not rule the regression."""


class Stacker(NamedTuple):
    """A fitted stacker: ``codes`` are the classes of its columns, ``c`` the inverse regularisation that was taken."""

    model: Any
    codes: Int64
    classes: int
    c: float
    warnings: tuple[str, ...]

    def mix(self, probs: Sequence[Float32]) -> Float32:
        """Class probabilities (n, C) from those of every arm; classes it never saw get what the arms' mean gives.

        The columns of the regression are put in the places of their classes. The share of a sample that goes to
        classes it was not fitted on is the one that the mean of the arms gives them.
        """
        mean: NDArray[np.float64] = np.asarray(np.mean(probs, axis=0, dtype=np.float64))
        seen = self.model.predict_proba(_features(probs))
        made = mean.copy()
        unseen = np.ones(self.classes, np.bool_)
        unseen[self.codes] = False
        made[:, self.codes] = seen * (1 - mean[:, unseen].sum(axis=1, keepdims=True))
        made /= made.sum(axis=1, keepdims=True)
        return made.astype(np.float32)


def fit_stacker(
    probs: Sequence[Float32],
    labels: Int64,
    cs: Sequence[float],
    folds: int,
    class_weight: Literal["none", "balanced"],
    seed: int,
) -> Stacker:
    """Fit multinomial logistic regression on the logarithms of all arms' probabilities (Wolpert 1992).

    The inverse regularisation is the one of ``cs`` with the lowest mean negative log-likelihood in stratified
    cross-validation; there are as many folds as the rows allow.

    Args:
        probs: per arm (n, C) of val samples.
        labels: (n,) classes.
        cs: candidates.
        folds: at most so many.
        class_weight: whether rare classes count as much as frequent ones.
        seed: of the folds.

    Raises:
        InputError: there are too few rows for the universe, or one class only.
    """
    classes = probs[0].shape[1]
    codes, counts = np.unique(labels, return_counts=True)
    ways = "use more val samples, -o val_from=train:..., or -o method=alpha"
    if len(codes) < 2 or len(labels) < LEAST_PER_CLASS * classes:
        raise InputError(
            f"A stacker on {len(labels)} val samples of {len(codes)} classes cannot answer for {classes} classes: it "
            f"needs at least {LEAST_PER_CLASS} per class; {ways}."
        )
    words = []
    if len(codes) < classes:
        unseen = classes - len(codes)
        words.append(f"The stacker never saw {unseen} of {classes} classes; for them the arms' mean holds.")
    few = int((counts < FEW_PER_CLASS).sum())
    if few:
        words.append(f"{few} of {len(codes)} classes have fewer than {FEW_PER_CLASS} val samples; {ways}.")
    features = _features(probs)
    weight = None if class_weight == "none" else "balanced"
    c = cs[0] if len(cs) == 1 else _cross_validated(features, labels, cs, folds, weight, seed)
    return Stacker(_fitted(features, labels, c, weight), codes, classes, c, tuple(words))


def _features(probs: Sequence[Float32]) -> NDArray[np.float64]:
    """Logarithms (n, arms * C), every row of an arm centred."""
    logs = [np.log(np.maximum(each, FLOOR, dtype=np.float64)) for each in probs]
    return np.concatenate([each - each.mean(axis=1, keepdims=True) for each in logs], axis=1)


def _fitted(features: NDArray[np.float64], labels: Int64, c: float, weight: str | None) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, class_weight=weight, max_iter=300, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # regularised: the last steps change no answer
        model.fit(features, labels)
    return model


def _cross_validated(
    features: NDArray[np.float64], labels: Int64, cs: Sequence[float], folds: int, weight: str | None, seed: int
) -> float:
    """The candidate with the lowest mean loss; rows whose class a fold lacks in its training part do not count."""
    from sklearn.model_selection import StratifiedKFold

    number = max(2, min(folds, int(np.bincount(labels).max())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes smaller than the folds: counted below
        parts = list(StratifiedKFold(number, shuffle=True, random_state=seed).split(features, labels))
    losses = []
    for c in cs:
        total, rows = 0.0, 0
        for train, test in parts:
            model = _fitted(features[train], labels[train], c, weight)
            at = np.searchsorted(model.classes_, labels[test])
            at[at == len(model.classes_)] = 0
            known = model.classes_[at] == labels[test]
            probs = model.predict_proba(features[test][known])[np.arange(int(known.sum())), at[known]]
            total -= float(np.log(np.maximum(probs, np.finfo(np.float64).tiny)).sum())
            rows += int(known.sum())
        losses.append(total / max(rows, 1))
    return cs[int(np.argmin(losses))]
