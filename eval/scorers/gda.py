"""The scorer ``gda``: Gaussian discriminant analysis on the train vectors (Wang et al., ICLR 2024, arXiv:2402.04087).

Classes are Gaussians with a common covariance. With mu_c the mean of the train vectors of class c, S the covariance of
all n of them less the mean of their class (divisor n - 1) and d the dimension, the precision is estimated by the
shrinkage that the paper takes from Kubokawa and Srivastava (2008),

    P = d ((n - 1) S + tr(S) I)^-1,    logit_c = f . P mu_c - mu_c . P mu_c / 2,

with equal priors. With a bank of texts the logits are scale * cos(f, text_c) + a * logit_c (section 3.2 of the paper,
which chooses a on val). Where the train samples of no class differ, S is 0, and P mu_c would be 0 too: then S is the
identity, so that a query belongs to the nearest mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias, cast

import numpy as np
from pydantic import Field

from eval.scorers.cross_entropy import row_blocks
from eval.scorers.options import ValueList
from eval.scorers.prompts import zero_shot_logits
from eval.scorers.prototypes import class_sums
from eval.scorers.similarity import CHUNK_ROWS
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1e6)]


class GdaOptions(Config):
    """Options of ``gda``."""

    a: ValueList[Weight] = Field(
        default=(1.0,),
        description="Weight of the Gaussian classifier beside the zero-shot scores; the paper chooses it on val from "
        "1e-4 to 1e2. Unused in spaces without texts.",
    )


class GaussianModel(NamedTuple):
    """A linear classifier: ``weights`` (C, d), ``bias`` (C,), and which classes have train samples (C,)."""

    weights: Float32
    bias: Float32
    learnt: NDArray[np.bool_]


def fit_gaussians(train: Float32, labels: Int64, classes: int) -> GaussianModel:
    """Fit Gaussians with a common covariance.

    Args:
        train: (n, d) vectors, n >= 1.
        labels: (n,) codes in [0, classes).
        classes: C, the number of classes.
    """
    counts = np.bincount(labels, minlength=classes)
    means = class_sums(train, labels, classes) / np.maximum(counts, 1)[:, None]
    scatter = np.zeros((train.shape[1], train.shape[1]))
    for rows, block in row_blocks(train):
        centred = block - means[labels[rows]]
        scatter += centred.T @ centred
    freedom = max(len(train) - 1, 1)
    trace = np.trace(scatter) / freedom
    if not has_spread(labels, train):
        scatter, trace = freedom * np.eye(train.shape[1]), float(train.shape[1])
    np.fill_diagonal(scatter, scatter.diagonal() + trace)
    weights = train.shape[1] * np.linalg.solve(scatter, means.T).T
    bias = -np.einsum("ij,ij->i", weights, means) / 2
    return GaussianModel(weights.astype(np.float32), bias.astype(np.float32), counts > 0)


def has_spread(labels: Int64, vectors: Float32) -> bool:
    """Whether two train samples of one class differ, so that there is a covariance."""
    order = np.argsort(labels, kind="stable")
    pairs = np.flatnonzero(labels[order][1:] == labels[order][:-1])
    blocks = (pairs[start : start + CHUNK_ROWS] for start in range(0, len(pairs), CHUNK_ROWS))
    return any(bool((vectors[order[block]] != vectors[order[block + 1]]).any()) for block in blocks)


class GdaScorer:
    """The scorer ``gda``. Classes without train samples, or without a prompt in the bank, cannot be answered."""

    name = "gda"
    config_type = GdaOptions
    learns = True
    needs_bank = False
    takes_texts = True

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank and a; without a bank, one with ``bank`` and ``a`` None."""
        options = cast("GdaOptions", arm.options)
        if not arm.banks:
            return ({"bank": None, "a": None},)
        return tuple({"bank": bank.name, "a": a} for bank, a in product(arm.banks, options.a))

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Score with the Gaussian classifier: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: there are no train samples, the bank does not hold unit vectors, or it has no class of the
                universe.
        """
        if not len(task.labels):
            raise InputError("There are no train samples to fit Gaussians to; give a train split.")
        model = fit_gaussians(task.train, task.labels, task.classes)
        gaussian = task.queries @ model.weights.T + model.bias
        zero_shot = {bank: zero_shot_logits(arm, task, str(bank)) for bank in {s["bank"] for s in settings} - {None}}
        for setting in settings:
            logits = gaussian
            if setting["bank"] is not None:
                logits = zero_shot[setting["bank"]] + np.float32(cast("float", setting["a"])) * gaussian
            yield np.where(model.learnt, logits, np.float32(-np.inf))


SCORER = GdaScorer()
