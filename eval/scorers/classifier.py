"""The scorer ``classifier``: logits of a trained last layer, recomputed from unit vectors and their lengths.

A bank with a temperature holds a head that was trained on unit vectors, such as one of the job ``adapter``; their
lengths are then taken to be 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from pydantic import Field

from eval.scorers.banks import Segments, class_segments, require_bank
from eval.scorers.similarity import similarity_blocks
from eval.seams.scorer import Arm, ClassBank, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32


class ClassifierOptions(Config):
    """Options of ``classifier``."""

    class_temperature: float = Field(
        default=1.0, ge=1e-6, le=1e6, description="Divisor of the layer's logits; 1 is the layer as it was trained."
    )


class ClassifierScorer:
    """The scorer ``classifier``.

    The logit of row r of the layer is (norm * (W_r @ v) + b_r) / T, with v the unit vector of the sample and norm its
    length before normalisation; with a temperature t of the bank it is (W_r @ v + b_r) / (t T). The probability of a
    class with several rows is the sum of the probabilities of its rows, so its logit is the logarithm of the sum of exp
    of theirs. Rows without a class in the label universe are left out, which equals renormalising the probabilities of
    the other rows.
    """

    name = "classifier"
    config_type = ClassifierOptions
    learns = False
    needs_bank = True
    takes_texts = False

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank.

        Raises:
            InputError: the arm has no bank.
        """
        require_bank(arm, "classifier to score with; name the bank that holds one")
        return tuple({"bank": bank.name} for bank in arm.banks)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Compute the logits of the layer: see :meth:`eval.seams.scorer.Scorer.logits`.

        Raises:
            InputError: the lengths of the vectors are unknown, the bank has numbers that are not finite, or it has no
                class of the universe.
        """
        divisor = cast("ClassifierOptions", arm.options).class_temperature
        for setting in settings:
            bank = arm.bank(str(setting["bank"]))
            temperature = divisor if bank.temperature is None else divisor * bank.temperature
            yield class_logits(task.queries, _lengths(arm, task, bank), bank, task.classes, temperature)


def _lengths(arm: Arm, task: ScorerTask, bank: ClassBank) -> Float32:
    """Return the lengths (q,) that the vectors of the queries have for a bank."""
    if bank.temperature is not None:
        return np.ones(len(task.queries), np.float32)
    if task.norms is None:
        raise InputError(
            f"Arm '{arm.name}' has vectors without their lengths (they were imported), and a classifier's logits "
            "need those; index the images with the encoder that it belongs to, or score a bank of unit vectors "
            "with 'prompts'."
        )
    return task.norms


def class_logits(queries: Float32, norms: Float32, bank: ClassBank, classes: int, temperature: float = 1.0) -> Float32:
    """Compute the logits of a trained last layer.

    Args:
        queries: (q, d) unit vectors.
        norms: (q,) their lengths before normalisation.
        bank: rows and biases of the layer; without biases, they are 0.
        classes: C, the size of the label universe.
        temperature: T, divisor of the logits of the rows.

    Returns:
        (q, C) logits; -inf for a class without a row.

    Raises:
        InputError: the bank has numbers that are not finite, or no class of the universe.
    """
    bias = np.zeros(len(bank.vectors), np.float32) if bank.bias is None else bank.bias
    if not (np.isfinite(bank.vectors).all() and np.isfinite(bias).all()):
        raise InputError(f"Bank '{bank.name}' holds numbers that are not finite; make it again from sound weights.")
    segments = class_segments(bank)
    class_scores = np.full((len(queries), classes), -np.inf, np.float32)
    for start, products in similarity_blocks(queries, bank.vectors):
        stop = start + len(products)
        logits = (products * norms[start:stop, None] + bias) / np.float32(temperature)
        class_scores[start:stop, segments.classes] = _log_sums(logits[:, bank.edge_vector], segments)
    return class_scores


def _log_sums(logits: Float32, segments: Segments) -> Float32:
    """Log-sum-exp over the edges of each class: (rows, e) to (rows, C'). ``logits`` is overwritten."""
    largest: Float32 = np.maximum.reduceat(logits, segments.starts, axis=1)
    logits -= np.repeat(largest, np.diff(segments.starts, append=logits.shape[1]), axis=1)
    largest += np.log(np.add.reduceat(np.exp(logits, out=logits), segments.starts, axis=1))
    return largest


SCORER = ClassifierScorer()
