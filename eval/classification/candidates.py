"""Which classes are possible for a sample, by the value of a column that is known of it."""

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
    """Allow each sample the classes that train samples with the same known value have.

    Args:
        values: (n,) of a column, None where not known.
        train: rows of the train samples of a draw.
        labels: (n,) codes of classes, -1 where not known; only those of ``train`` are read.
        classes: C.

    Returns:
        All classes for a sample whose value is not known, or that no train sample has.
    """
    codes, names = text_codes(values)
    allowed = np.zeros((len(names) + 1, classes), np.bool_)
    taught = train[labels[train] >= 0]
    allowed[codes[taught], labels[taught]] = True
    allowed[-1] = False  # code -1 is no value
    allowed[~allowed.any(axis=1)] = True
    return Candidates(codes, allowed)


def restricted_logits(logits: Float32, draw: ClassDraw, rows: Int64) -> Float32:
    """Logits (rows, C) with -inf where a class is not possible; a row with no possible answer keeps all it has."""
    if draw.candidates is None:
        return logits
    possible: Float32 = np.where(draw.candidates.of(rows), logits, np.float32(-np.inf))
    free = np.isneginf(possible).all(axis=1)
    possible[free] = logits[free]
    return possible


def restricted_probs(probs: Float32, draw: ClassDraw, rows: Int64) -> Float32:
    """Class probabilities (rows, C), those of classes that are not possible shared out among the possible ones.

    A row whose possible classes all have probability 0 stays as it is.
    """
    if draw.candidates is None:
        return probs
    possible: Float32 = np.where(draw.candidates.of(rows), probs, np.float32(0))
    total = possible.sum(axis=1, keepdims=True)
    return np.where(total > 0, possible / np.where(total > 0, total, 1), probs).astype(np.float32)
