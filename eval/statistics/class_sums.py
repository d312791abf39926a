"""The sums that figures of a classification are functions of: by unit, so that a resample is a matrix product."""

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


class Counted(NamedTuple):
    """``sums`` (sums, units) of a table, and ``lone`` (C,): the unit that holds all samples of a class, or -1."""

    sums: csr_array
    lone: Int64


def count_by_unit(table: ClassTable, units: Int64, count: int, classes: int, rule: MetricRule) -> Counted:
    """Sum a table over ``units`` (n,) of 0 to ``count`` - 1.

    The sums are: samples, predictions and hits by class; then samples, hits at each k, nll and brier; then by
    confidence bin the hits less the confidence.
    """
    from scipy.sparse import coo_array

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
    return Counted(
        coo_array((values, (sums, columns)), shape=shape).tocsr(), _lone(table.labels, units, count, classes)
    )


def _lone(labels: Int64, units: Int64, count: int, classes: int) -> Int64:
    """The unit that holds all samples of a class, -1 where there are several or none: (C,)."""
    pairs = np.unique(labels * count + units)
    owners = pairs // count
    single = np.flatnonzero(np.bincount(owners, minlength=classes) == 1)
    lone = np.full(classes, -1, np.int64)
    lone[single] = pairs[np.searchsorted(owners, single)] % count
    return lone


def figures(sums: Float64, classes: int, rule: MetricRule, emphasis: Float64 | None = None) -> Float64:
    """Figures (metrics, resamples) of the sums (sums, resamples) that :func:`count_by_unit` names; nan without samples.

    ``emphasis`` (C, resamples) weighs classes in macro means.
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


def whole(counted: Counted, classes: int, rule: MetricRule) -> Float64:
    """Figures (metrics,) of all units."""
    return figures(counted.sums.sum(axis=1)[:, None], classes, rule)[:, 0]


class ClassTable(NamedTuple):
    """What is counted of the answer to n samples, each (n,).

    ``labels`` true and ``predicted`` classes; ``ranks`` of the true class, from 1; ``nll`` and ``brier`` losses;
    ``confidence``, the probability of the predicted class; ``rows``, which samples they are, over all draws;
    ``units``, codes of the groups that are resampled (or ``rows``).
    """

    labels: Int64
    predicted: Int64
    ranks: Int64
    nll: Float64
    brier: Float64
    confidence: Float32
    rows: Int64
    units: Int64


class MetricRule(NamedTuple):
    """Definitions: k of the top-k accuracies, the classes macro means are over, bins of the calibration error."""

    tops: Sequence[int] = (1, 5)
    macro_over: MacroOver = "present"
    bins: int = BINS
