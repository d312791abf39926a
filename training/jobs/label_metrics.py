"""Held-out metrics of class logits, and the score by which weights are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.classification import class_counts
from eval.metrics.probabilities import nll, softmax

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64

SCORE, TIE = "score", "nll"
"""Names in the history of a run: of the score, and of the metric whose lower value decides between equal scores."""

METRICS = ("top_1", "macro_f1", "nll")
"""Held-out metrics of every epoch."""


def label_metrics(logits: Float32, target: Int64) -> dict[str, float]:
    """Return ``top_1``, ``macro_f1`` (over classes with samples or predictions) and ``nll``.

    Args:
        logits: (n, C) of held-out samples.
        target: (n,) their classes.
    """
    predicted = logits.argmax(axis=1).astype(np.int64)
    counts = class_counts(target, predicted, logits.shape[1])
    return {
        "top_1": float((predicted == target).mean()),
        "macro_f1": float(counts.macro(counts.f1, "present")),
        "nll": float(nll(softmax(logits), target).mean()),
    }
