"""The scorer ``linear``: multinomial logistic regression on the train vectors (Radford et al. 2021, section 3.2).

It minimises c * (sum of the negative log-likelihoods) + |W|^2 / 2 over the weights W; the intercepts are not
regularised. scikit-learn's L-BFGS finds the minimum. With two classes, W is the difference of their two vectors.

The vectors are centred and divided by their root mean square, and c is multiplied by its square. The optimum is the
same, since the intercepts absorb the mean. L-BFGS stops when the gradient is small; for unit vectors it is small from
the start, so without the scaling L-BFGS stops too early or needs more steps.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, NamedTuple, cast

import numpy as np
from pydantic import Field

from eval.scorers.options import Positive, ValueList
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

TOLERANCE = 1e-5
"""Largest entry of the gradient of the mean loss at which L-BFGS stops, for vectors of root mean square 1."""

SMALLEST_SPREAD = 1e-6
"""Smallest divisor of the centred vectors: below it their differences are rounding, which must not be amplified."""


class LinearOptions(Config):
    """Options of ``linear``."""

    c: ValueList[Positive] = Field(
        default=(100.0,),
        description="Inverse strength of regularisation. 100 suits unit vectors with a few to a hundred samples per "
        "class; smaller values give nearly uniform probabilities.",
    )
    class_weight: Literal["none", "balanced"] = Field(
        default="none", description="balanced weighs samples by the inverse frequency of their class."
    )
    max_iter: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1000,
        description="Largest number of L-BFGS steps; a fit that has not converged by then is used as it is.",
    )


class LinearModel(NamedTuple):
    """A linear classifier of K classes: ``weights`` (K, d), ``bias`` (K,), and ``classes`` (K,), their codes."""

    weights: Float32
    bias: Float32
    classes: Int64


def fit_linear(train: Float32, labels: Int64, c: float, options: LinearOptions) -> LinearModel:
    """Fit a logistic regression.

    100,000 vectors of 512 dimensions and 169 classes take about 30 s on one core.

    Args:
        train: (t, d) unit vectors, t >= 1.
        labels: (t,) class codes.
        c: inverse strength of regularisation.
        options: ``class_weight`` and ``max_iter``.

    Returns:
        The model of the K classes in ``labels``; with a single class, weights and bias are 0.
    """
    classes = np.unique(labels)
    if len(classes) == 1:
        return LinearModel(np.zeros((1, train.shape[1]), np.float32), np.zeros(1, np.float32), classes)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = train - mean
    spread = max(float(np.sqrt(np.mean(np.square(centred), dtype=np.float64))), SMALLEST_SPREAD)
    centred /= np.float32(spread)
    basis, coordinates = _row_space(centred)
    weight = None if options.class_weight == "none" else options.class_weight
    model = LogisticRegression(C=c * spread**2, tol=TOLERANCE, max_iter=options.max_iter, class_weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)  # it takes many classes with few samples for regression
        model.fit(coordinates, labels)
    weights = model.coef_.astype(np.float64) / spread
    if basis is not None:
        weights = weights @ basis.T
    bias = model.intercept_ - weights @ mean
    if len(classes) == 2:
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    return LinearModel(weights.astype(np.float32), bias.astype(np.float32), classes)


def _row_space(vectors: Float32) -> tuple[Float32 | None, Float32]:
    """Reduce t vectors of d > t dimensions to an orthonormal basis (d, t) of their span and coordinates (t, t) in it.

    The regularised optimum lies in that span, so a fit on the coordinates gives the same model at the cost of t
    dimensions. Without such a reduction (t >= d), the basis is None and the vectors are returned.
    """
    if len(vectors) >= vectors.shape[1]:
        return None, vectors
    basis, upper = np.linalg.qr(vectors.T)
    return basis, np.ascontiguousarray(upper.T)


class LinearScorer:
    """The scorer ``linear``. Classes without train samples cannot be answered."""

    name = "linear"
    config_type = LinearOptions
    learns = True
    needs_bank = False
    takes_texts = False

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per ``c``."""
        return tuple({"c": c} for c in cast("LinearOptions", arm.options).c)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Fit a model per setting and score with it: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: there are no train samples.
        """
        if not len(task.labels):
            raise InputError("There are no train samples to fit a linear classifier to; give a train split.")
        train = task.train
        for setting in settings:
            model = fit_linear(train, task.labels, cast("float", setting["c"]), cast("LinearOptions", arm.options))
            logits = np.full((len(task.queries), task.classes), -np.inf, np.float32)
            logits[:, model.classes] = task.queries @ model.weights.T + model.bias
            yield logits


SCORER = LinearScorer()
