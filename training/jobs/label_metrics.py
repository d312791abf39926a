"""Held-out metrics of class logits, and the score by which weights are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.classification import class_counts
from eval.metrics.probabilities import nll, softmax

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64
    from training.jobs.label_recipe import Selection

SCORE = "score"
"""Name of the score in the history of a run."""


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


def score_of(metrics: dict[str, float], selection: Selection) -> float:
    """Return the selected metric, raised by at most a billionth so that of equal ones the lower NLL is higher."""
    return metrics[selection] + 1e-9 / (1 + metrics["nll"])
