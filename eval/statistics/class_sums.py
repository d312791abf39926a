"""Sums by unit that the metrics of a classification are functions of, so that a resample is a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.classification import ClassCounts
from eval.metrics.probabilities import BINS, bin_of
from retrieval.types import Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from eval.seams.options import MacroOver
    from retrieval.types import Float32

    Float64 = NDArray[np.float64]


MACRO, LOSSES = 3, 3
"""Numbers of metrics after top-k: macro means, and nll, brier and ece."""


DENSE = 2_000_000
"""Numbers of sums times units up to which sums are an array. The import of scipy's sparse ones takes .1 s or more."""


class UnitSums(NamedTuple):
    """Sums of a table: ``sums`` (sums, units), and ``lone`` (C,), the unit that has all samples of a class, or -1.

    ``sums`` is an array of NumPy if it has at most :data:`DENSE` elements, else a sparse array of SciPy.
    """

    sums: Float64 | csr_array
    lone: Int64

    def row(self, at: int) -> Float64:
        """Return one sum of all units, (units,)."""
        return self.rows(at, at + 1).ravel()

    def rows(self, start: int, stop: int) -> Float64:
        """Return some sums as an array of NumPy (stop - start, units)."""
        part = self.sums[start:stop]
        return part if isinstance(part, np.ndarray) else part.toarray()


def sum_by_unit(table: ClassTable, units: Int64, count: int, classes: int, rule: MetricRule) -> UnitSums:
    """Sum a table by unit.

    The sums are, in this order: samples, predictions and hits by class; then samples, hits at each k, nll and brier;
    then by confidence bin the hits less the confidence.

    Args:
        table: n samples.
        units: (n,) unit of each sample, 0 to ``count`` - 1.
        count: number of units.
        classes: C.
        rule: definitions.
    """
    hit, start = table.ranks == 1, 3 * classes
    parts: list[tuple[Int64 | int, NDArray[np.generic], Float64 | float]] = [
        (table.labels, units, 1.0),
        (classes + table.predicted, units, 1.0),
        (2 * classes + table.labels[hit], units[hit], 1.0),
        (start, units, 1.0),
        *((start + at, units[table.ranks <= k], 1.0) for at, k in enumerate(rule.tops, 1)),
        (start + len(rule.tops) + 1, units, table.nll),
        (start + len(rule.tops) + 2, units, table.brier),
        (start + len(rule.tops) + 3 + bin_of(table.confidence, rule.bins), units, hit - table.confidence.astype(float)),
    ]
    sums, columns, values = (
        np.concatenate([np.broadcast_to(part[field], len(part[1])) for part in parts]) for field in range(3)
    )
    shape = (start + len(rule.tops) + 3 + rule.bins, count)
    return UnitSums(_matrix(values, sums, columns, shape), _lone(table.labels, units, count, classes))


def _matrix(values: Float64, rows: Int64, columns: Int64, shape: tuple[int, int]) -> Float64 | csr_array:
    """Make a matrix of values at places; those at the same place are added."""
    size = shape[0] * shape[1]
    if size <= DENSE:
        return np.bincount(rows * shape[1] + columns, values, size).reshape(shape)
    from scipy.sparse import coo_array

    return coo_array((values, (rows, columns)), shape=shape).tocsr()


def _lone(labels: Int64, units: Int64, count: int, classes: int) -> Int64:
    """The unit that has all samples of a class, -1 if several or none have: (C,)."""
    pairs = np.unique(labels * count + units)
    owners = pairs // count
    single = np.flatnonzero(np.bincount(owners, minlength=classes) == 1)
    lone = np.full(classes, -1, np.int64)
    lone[single] = pairs[np.searchsorted(owners, single)] % count
    return lone


def metrics_of_sums(sums: Float64, classes: int, rule: MetricRule, emphasis: Float64 | None = None) -> Float64:
    """Compute the metrics (metrics, resamples), in the order of ``class_metric_names``; nan without samples.

    Args:
        sums: (sums, resamples), in the order of :func:`sum_by_unit`.
        classes: C.
        rule: definitions.
        emphasis: (C, resamples) weights of classes in macro means; None weighs them alike.
    """
    by_class, rest = sums[: 3 * classes].reshape(3, classes, -1), sums[3 * classes :]
    counts = ClassCounts(*by_class)
    tops = len(rule.tops)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = rest[1 : tops + 3] / rest[0]
        calibration = np.abs(rest[tops + 3 :]).sum(axis=0) / rest[0]
    macro = [
        counts.macro(counts.recall, "truth", emphasis),
        counts.macro(counts.f1, rule.macro_over, emphasis),
        counts.macro(counts.jaccard, rule.macro_over, emphasis),
    ]
    return np.stack([*means[:tops], *macro, *means[tops:], calibration])


def metrics_of_all(sums: UnitSums, classes: int, rule: MetricRule) -> Float64:
    """Compute the metrics (metrics,) of all units."""
    return metrics_of_sums(sums.sums.sum(axis=1)[:, None], classes, rule)[:, 0]


def unit_shares(sums: UnitSums, classes: int, rule: MetricRule) -> Float64:
    """Shares of the observations that belong to each unit, (units, metrics), in the order of ``class_metric_names``.

    Samples weigh alike; in macro means, the classes that have samples.
    """
    samples, by_class = sums.row(3 * classes), sums.sums[:classes]
    totals = by_class.sum(axis=1)
    weights = np.divide(1, totals, out=np.zeros(classes), where=totals > 0) / (totals > 0).sum()
    macro, tops = by_class.T @ weights, len(rule.tops)
    columns = [samples / samples.sum()] * tops + [macro] * MACRO + [samples / samples.sum()] * LOSSES
    return np.stack(columns, axis=1)


def unit_hits(sums: UnitSums, classes: int, rule: MetricRule) -> Float64:
    """What each unit contributes to top-k and balanced accuracy, (units, metrics); macro F1 and Jaccard as the latter.

    The columns of losses are 0.
    """
    start, tops = 3 * classes, len(rule.tops)
    totals = sums.sums[:classes].sum(axis=1)
    weights = np.divide(1, totals, out=np.zeros(classes), where=totals > 0) / (totals > 0).sum()
    top = sums.rows(start + 1, start + 1 + tops).T / sums.row(start).sum()
    balanced = sums.sums[2 * classes : start].T @ weights
    return np.concatenate([top, *[balanced[:, None]] * MACRO, np.zeros((len(top), LOSSES))], axis=1)


class ClassTable(NamedTuple):
    """The numbers of an answer to n samples that metrics are computed from, each (n,).

    ``labels`` are true and ``predicted`` predicted classes; ``ranks`` of the true class, from 1; ``nll`` and ``brier``
    losses; ``confidence``, the probability of the predicted class; ``rows``, numbers of the samples, the same in all
    draws; ``units``, numbers of the groups that are resampled (or ``rows``).
    """

    labels: Int64
    predicted: Int64
    ranks: Int64
    nll: Float64
    brier: Float64
    confidence: Float32
    rows: Int64
    units: Int64

    def take(self, mask: NDArray[np.bool_]) -> ClassTable:
        """Return the answers to the samples where ``mask`` (n,) is True."""
        return ClassTable(
            self.labels[mask],
            self.predicted[mask],
            self.ranks[mask],
            self.nll[mask],
            self.brier[mask],
            self.confidence[mask],
            self.rows[mask],
            self.units[mask],
        )


class MetricRule(NamedTuple):
    """Definitions: k of the top-k accuracies, classes that macro means are over, bins of the calibration error."""

    tops: Sequence[int] = (1, 5)
    macro_over: MacroOver = "present"
    bins: int = BINS
