"""Restriction of a sample's classes to those that go with its value in a known column (option ``given``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.seams.classification import Candidates
from eval.seams.samples import text_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.classification import ClassDraw
    from retrieval.types import Float32, Int64


def candidate_classes(values: NDArray[np.object_], train: Int64, labels: Int64, classes: int) -> Candidates:
    """Find the possible classes of every sample: those of the train samples with the same value in a column.

    Args:
        values: (n,) values of the column, None where unknown.
        train: (t,) rows of the train samples of one draw.
        labels: (n,) class codes, -1 where unknown; only those of ``train`` are read.
        classes: C, the number of classes.

    Returns:
        The possible classes. All are possible for a sample whose value is unknown or that no train sample has.
    """
    codes, names = text_codes(values)
    allowed = np.zeros((len(names) + 1, classes), np.bool_)
    labelled = train[labels[train] >= 0]
    allowed[codes[labelled], labels[labelled]] = True
    allowed[-1] = False  # the last row belongs to code -1, an unknown value
    allowed[~allowed.any(axis=1)] = True
    return Candidates(codes, allowed)


def restricted_logits(logits: Float32, draw: ClassDraw, rows: Int64) -> Float32:
    """Return logits (rows, C) with -inf for impossible classes.

    A row stays as it is if all its possible classes have -inf.
    """
    return logits if draw.candidates is None else possible_logits(logits, draw.candidates.of(rows))


def possible_logits(logits: Float32, allowed: NDArray[np.bool_]) -> Float32:
    """Return logits (rows, C) with -inf where ``allowed`` (rows, C) is False.

    A row stays as it is if all its possible classes have -inf.
    """
    possible: Float32 = np.where(allowed, logits, np.float32(-np.inf))
    unanswerable = np.isneginf(possible).all(axis=1)
    possible[unanswerable] = logits[unanswerable]
    return possible


def restricted_probs(probs: Float32, draw: ClassDraw, rows: Int64) -> Float32:
    """Return class probabilities (rows, C) with 0 for impossible classes, normalised to sum to 1.

    A row stays as it is if all its possible classes have probability 0.
    """
    if draw.candidates is None:
        return probs
    possible: Float32 = np.where(draw.candidates.of(rows), probs, np.float32(0))
    total = possible.sum(axis=1, keepdims=True)
    return np.where(total > 0, possible / np.where(total > 0, total, 1), probs).astype(np.float32)
