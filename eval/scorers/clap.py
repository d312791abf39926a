"""The scorer ``clap``: a class-adaptive linear probe from texts (Silva-Rodriguez et al., CVPR 2024, arXiv:2312.12730).

With f the unit vector of an image, t_c the text of class c and s the logit scale, the logit is s f . w_c / |w_c|.
w starts at t and minimises

    CE(train) + mean_c lambda_c |w_c - t_c|^2,

where lambda_c is the mean zero-shot probability of class c over its own train samples: texts that classify well are
kept. Nothing is chosen on val. The penalty and the step depend on the length of t, and the authors' texts are not
normalised; here they are unit vectors, and ``text_length`` stands for that length. The optimiser is the authors':
gradient descent with momentum .9, step .1, along a half cosine, the first step 1e-5. Every step takes all train
samples; the authors take 256 at a time, and augment the images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import numpy as np
from pydantic import Field

from eval.scorers.banks import require_bank
from eval.scorers.cross_entropy import class_probabilities, doubles, gradient_sums
from eval.scorers.options import Positive
from eval.scorers.pooling import class_texts
from eval.scorers.prompts import scale_of
from eval.scorers.spoken import spoken_samples
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP, FIRST_STEP, MOMENTUM = 0.1, 1e-5, 0.9


class ClapOptions(Config):
    """Options of ``clap``."""

    iterations: Annotated[int, Field(ge=1, le=100_000)] = Field(default=300, description="Steps of gradient descent.")
    text_length: Positive = Field(
        default=10.0,
        description="Length of the text vectors to which the penalty and the step refer. The default is assumed, of "
        "the order of CLIP's before they are normalised; larger keeps nearer to the texts.",
    )


def fit_from_texts(
    train: Float32, labels: Int64, texts: Float32, scale: float, iterations: int = 300, text_length: float = 10.0
) -> Float32:
    """Fit the probe.

    Args:
        train: (n, d) unit vectors, n >= 1.
        labels: (n,) codes in [0, C).
        texts: (C, d) unit vectors.
        scale: the logit scale.
        iterations: number of steps.
        text_length: length of the texts before they were normalised.

    Returns:
        (C, d) unit vectors w_c / |w_c|; the text for a class without train samples.
    """
    features, text, n, classes = doubles(train), texts.astype(np.float64), len(train), len(texts)
    counts = np.bincount(labels, minlength=classes)
    learnt = (counts > 0)[:, None]
    pull = _own_probabilities(features, labels, scale * text) / np.maximum(counts, 1)
    weights, speed = text.copy(), np.zeros_like(text)  # in units of text_length
    for iteration in range(iterations):
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        unit = weights / lengths
        along = scale / n * gradient_sums(features, labels, scale * unit).weights
        slope = (along - np.einsum("ij,ij->i", along, unit)[:, None] * unit) / lengths
        slope += 2 / classes * text_length**2 * pull[:, None] * (weights - text)
        speed = MOMENTUM * speed + slope * learnt
        step = STEP * (1 + math.cos(math.pi * iteration / iterations)) / 2 if iteration else FIRST_STEP
        weights = weights - step / text_length**2 * speed
    unit_weights: Float32 = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return unit_weights


def _own_probabilities(
    features: NDArray[np.floating], labels: Int64, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over the samples of each class their probability of it: (C,)."""
    sums = np.zeros(len(weights))
    for rows, _, probabilities in class_probabilities(features, weights):
        codes = labels[rows]
        sums += np.bincount(codes, probabilities[np.arange(len(codes)), codes], len(weights))
    return sums


class ClapScorer:
    """The scorer ``clap``. Classes without a prompt cannot be answered."""

    name = "clap"
    config_type = ClapOptions
    learns = True
    needs_bank = True
    takes_texts = True

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank.

        Raises:
            InputError: the arm has no bank.
        """
        require_bank(arm, "prompts to start from; name a bank of texts")
        return tuple({"bank": bank.name} for bank in arm.banks)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Fit the probe per bank and score with it: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: there are no train samples of a class with a prompt, the bank does not hold unit vectors, or it
                has no class of the universe.
        """
        options, scale = cast("ClapOptions", arm.options), scale_of(arm)
        for setting in settings:
            samples = spoken_samples(task, class_texts(arm.bank(str(setting["bank"])), task.classes))
            weights = fit_from_texts(
                samples.train, samples.labels, samples.texts, scale, options.iterations, options.text_length
            )
            yield samples.spread(np.float32(scale) * (task.queries @ weights.T))


SCORER = ClapScorer()
