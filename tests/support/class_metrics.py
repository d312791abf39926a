"""Logits with labels, and metrics of a table of answers without the bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.class_summary import class_metric_names
from eval.statistics.class_sums import ClassTable, MetricRule, metrics_of_sums, sum_by_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Int64


def table_metrics(
    table: ClassTable, classes: int, rule: MetricRule, weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Compute the metrics of one table.

    Args:
        table: of at least one sample.
        classes: C.
        rule: definitions.
        weights: (n,) of the samples; None weighs them alike.
    """
    at = np.arange(len(table.labels))
    sums = sum_by_unit(table, at, len(at), classes, rule).sums
    weights = np.ones(len(at)) if weights is None else weights
    values = metrics_of_sums(sums @ weights[:, None], classes, rule)[:, 0]
    return dict(zip(class_metric_names(rule.tops), values.tolist(), strict=True))


def logits_and_labels(n: int = 200, classes: int = 7, seed: int = 0) -> tuple[NDArray[np.float64], Int64]:
    """Logits (n, C) and labels that occur all."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    logits = rng.standard_normal((n, classes))
    logits[np.arange(n), labels] += 1
    return logits, labels
