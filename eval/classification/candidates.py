"""Restriction of a sample's classes to those of its type, which a known column says (option ``given``) or scores do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.probabilities import softmax
from eval.seams.classification import Candidates
from eval.seams.samples import text_codes
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def class_types(draw: ClassDraw, names: Sequence[str]) -> Int64:
    """Return the type of each class (C,), as the train samples of a draw have it; -1 for a class that none has.

    Args:
        draw: the draw; its candidates have the types of its samples.
        names: (C,) names of the classes.

    Raises:
        InputError: train samples of one class have several types, so that a class does not say its type.
    """
    assert draw.candidates is not None  # noqa: S101 - the caller has looked
    types = np.full(len(names), -1, np.int64)
    train = draw.train[draw.labels[draw.train] >= 0]
    for label, kind in zip(draw.labels[train].tolist(), draw.candidates.codes[train].tolist(), strict=True):
        if kind >= 0 and types[label] not in (-1, kind):
            raise InputError(
                f"Train samples of class '{names[label]}' have several values of the column `given`, so no answer says "
                "which of them a sample has; take `types=annotated`, or a `target` whose classes name their type."
            )
        types[label] = max(types[label], kind)
    return types


def predicted_types(probs: Float32, types: Int64) -> Int64:
    """Return the type (rows,) whose classes have the largest sum of probabilities, the first of equal ones.

    Args:
        probs: (rows, C) class probabilities.
        types: (C,) code of the type of each class, -1 for none.
    """
    one_hot = types[:, None] == np.arange(max(types.max() + 1, 1))
    best: Int64 = (probs.astype(np.float64) @ one_hot).argmax(axis=1)
    return best


def restricted_logits(logits: Float32, draw: ClassDraw, rows: Int64) -> Float32:
    """Return logits (rows, C) with -inf for impossible classes.

    A row stays as it is if all its possible classes have -inf.
    """
    if draw.types is not None:
        return possible_logits(logits, predicted_types(softmax(logits), draw.types)[:, None] == draw.types)
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
    if draw.candidates is None and draw.types is None:
        return probs
    if draw.types is not None:
        allowed = predicted_types(probs, draw.types)[:, None] == draw.types
    elif draw.candidates is not None:
        allowed = draw.candidates.of(rows)
    possible: Float32 = np.where(allowed, probs, np.float32(0))
    total = possible.sum(axis=1, keepdims=True)
    return np.where(total > 0, possible / np.where(total > 0, total, 1), probs).astype(np.float32)
