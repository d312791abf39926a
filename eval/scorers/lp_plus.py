"""The scorer ``lp++``: a linear probe that blends image and text vectors (Huang et al., CVPR 2024, arXiv:2404.02285).

With f the unit vector of an image and t_c the normalised mean of a class's prompts, the logit of class c is

    f . (w_c + a_c t_c) + b_c,

where w_c, b_c and the blending weights a_c minimise the mean cross-entropy of the n train vectors F. As in the paper,
w_c starts at the mean of the class's train vectors, every a_c at 250 times the mean over classes of the mean f . t_c of
the class, and b at 0. The steps are those of the paper's block-wise bounds: 4 n / lambda_max(F^T F) for w and b,
with momentum .9 in every iteration, and n / (4 max_c sum (f . t_c)^2) for a in every tenth. The authors keep the
iteration that is best on val: list several numbers of iterations, and val chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias, cast

import numpy as np
from pydantic import Field

from eval.scorers.banks import require_bank
from eval.scorers.cross_entropy import doubles, gradient_sums, row_blocks
from eval.scorers.options import ValueList
from eval.scorers.pooling import class_texts
from eval.scorers.prototypes import class_sums
from eval.scorers.spoken import spoken_samples
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

START, MOMENTUM, BLEND_EVERY = 250.0, 0.9, 10

Iterations: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]


class LpPlusOptions(Config):
    """Options of ``lp++``."""

    iterations: ValueList[Iterations] = Field(
        default=(300,),
        description="Steps of gradient descent; several numbers are settings of one run, and val chooses.",
    )


class BlendedProbe(NamedTuple):
    """A classifier at some iteration: ``weights`` (C, d), with the texts blended in, and ``bias`` (C,)."""

    weights: Float32
    bias: Float32


def fit_blended(train: Float32, labels: Int64, texts: Float32, iterations: Sequence[int]) -> dict[int, BlendedProbe]:
    """Fit the probe, and return it as it is after each of some numbers of iterations.

    Args:
        train: (n, d) unit vectors, n >= 1.
        labels: (n,) codes in [0, C).
        texts: (C, d) unit vectors.
        iterations: numbers of iterations, in any order.
    """
    features, text, n, classes = doubles(train), texts.astype(np.float64), len(train), len(texts)
    counts = np.bincount(labels, minlength=classes)
    weights = class_sums(train, labels, classes) / np.maximum(counts, 1)[:, None]
    mean_own = np.einsum("ij,ij->i", weights, text)[counts > 0]
    blend, bias = np.full(classes, START * mean_own.mean()), np.zeros(classes)
    step, blend_step = _steps(features, text)
    speed_weights, speed_bias = np.zeros_like(weights), np.zeros(classes)
    probes = {}
    for iteration in range(1, max(iterations) + 1):
        slope = gradient_sums(features, labels, weights + blend[:, None] * text, bias)
        speed_weights = MOMENTUM * speed_weights + slope.weights / n
        speed_bias = MOMENTUM * speed_bias + slope.bias / n
        weights = weights - step * speed_weights
        bias = bias - step * speed_bias
        if iteration % BLEND_EVERY == 0:  # the texts enter by a_c t_c, so the slope of a_c is that of w_c along t_c
            blend = blend - blend_step / n * np.einsum("ij,ij->i", slope.weights, text)
        if iteration in iterations:
            whole = weights + blend[:, None] * text
            probes[iteration] = BlendedProbe(whole.astype(np.float32), bias.astype(np.float32))
    return probes


def _steps(features: NDArray[np.floating], text: NDArray[np.float64]) -> tuple[float, float]:
    """Steps of the weights and of the blending weights, for vectors (n, d) and texts (C, d)."""
    squares = np.zeros(len(text))
    for _, block in row_blocks(features, len(text)):
        squares += np.square(block @ text.T).sum(axis=0)
    return 4 * len(features) / _largest_eigenvalue(features), len(features) / (4 * squares.max())


def _largest_eigenvalue(features: NDArray[np.floating]) -> float:
    """Largest eigenvalue of F^T F, which F F^T has too: of the smaller of the two."""
    n, d = features.shape
    if n <= d:
        rows = features.astype(np.float64)
        return float(np.linalg.eigvalsh(rows @ rows.T)[-1])
    products = np.zeros((d, d))
    for _, block in row_blocks(features):
        products += block.T @ block
    return float(np.linalg.eigvalsh(products)[-1])


class LpPlusScorer:
    """The scorer ``lp++``. Classes without a prompt cannot be answered."""

    name = "lp++"
    config_type = LpPlusOptions
    learns = True
    needs_bank = True
    takes_texts = True

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank and number of iterations.

        Raises:
            InputError: the arm has no bank.
        """
        require_bank(arm, "prompts to start from; name a bank of texts")
        options = cast("LpPlusOptions", arm.options)
        return tuple({"bank": bank.name, "iterations": n} for bank, n in product(arm.banks, options.iterations))

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Fit the probe once per bank and score with it: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: there are no train samples of a class with a prompt, the bank does not hold unit vectors, or it
                has no class of the universe.
        """
        banks = dict.fromkeys(str(setting["bank"]) for setting in settings)
        iterations = sorted({cast("int", setting["iterations"]) for setting in settings})
        fits = {bank: spoken_samples(task, class_texts(arm.bank(bank), task.classes)) for bank in banks}
        probes = {bank: fit_blended(fit.train, fit.labels, fit.texts, iterations) for bank, fit in fits.items()}
        for setting in settings:
            fit, probe = fits[str(setting["bank"])], probes[str(setting["bank"])][cast("int", setting["iterations"])]
            yield fit.spread(task.queries @ probe.weights.T + probe.bias)


SCORER = LpPlusScorer()
