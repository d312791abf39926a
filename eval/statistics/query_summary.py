"""From metrics of queries to the metrics of a result: means over draws and parts, intervals, deviations."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.results.schema import Metric
from eval.statistics.mean_bootstrap import mean_interval
from retrieval.types import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DrawTable(NamedTuple):
    """One draw: ``values`` (queries, metrics), and ``units`` (queries,), numbers of the units that are resampled."""

    values: NDArray[np.float64]
    units: Int64


class Summary(NamedTuple):
    """``metrics`` with their uncertainty, and the values of each draw."""

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]


def summarise(
    names: Sequence[str],
    parts: Sequence[Sequence[DrawTable]],
    resamples: int,
    rng: np.random.Generator,
) -> Summary:
    """Summarise draws of one or more parts: mean over queries, then over parts, then over draws.

    ``ci95`` resamples units jointly over parts and draws (:func:`eval.statistics.mean_bootstrap.mean_interval`);
    ``sd_draws`` is the standard deviation (ddof 1) over draws of the mean over parts. The generator is copied, so its
    state does not change: a part summarised alone gets the interval that it has beside others.

    Args:
        names: of the metrics, in the order of the columns of the tables.
        parts: per part its draws, as many in every part, each with at least one query.
        resamples: number of bootstrap resamples; 0 gives no intervals.
        rng: generator of the bootstrap.
    """
    per_draw = np.array([[table.values.mean(axis=0) for table in draws] for draws in parts]).mean(axis=0)
    sums, counts = _unit_sums(parts, len(names))
    interval = mean_interval(sums, counts, resamples, copy.deepcopy(rng))
    deviations = per_draw.std(axis=0, ddof=1) if len(per_draw) > 1 else None
    metrics = {
        name: Metric(
            value=float(per_draw[:, at].mean()),
            ci95=None if interval is None else (float(interval[at, 0]), float(interval[at, 1])),
            sd_draws=None if deviations is None else float(deviations[at]),
        )
        for at, name in enumerate(names)
    }
    return Summary(metrics, tuple(dict(zip(names, map(float, row), strict=True)) for row in per_draw))


def mean_counts(counts: Sequence[Mapping[str, int]]) -> dict[str, int | float]:
    """Mean of each count over draws; an int if it is a whole number."""
    means = {key: sum(count[key] for count in counts) / len(counts) for key in counts[0]}
    return {key: int(value) if value.is_integer() else value for key, value in means.items()}


def _unit_sums(parts: Sequence[Sequence[DrawTable]], metrics: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (parts, draws, units, metrics) and counts (parts, draws, units) over the units that occur in any draw."""
    occurring = np.unique(np.concatenate([table.units for draws in parts for table in draws]))
    sums = np.zeros((len(parts), len(parts[0]), len(occurring), metrics))
    counts = np.zeros(sums.shape[:3])
    for p, draws in enumerate(parts):
        for d, table in enumerate(draws):
            at = np.searchsorted(occurring, table.units)
            np.add.at(sums[p, d], at, table.values)
            counts[p, d] = np.bincount(at, minlength=len(occurring))
    return sums, counts
