"""From the scores of draws to the metrics of a verification result: values, intervals, deviations, curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.open_set import NEVER_RETURNED
from eval.metrics.verification import (
    ErrorCurve,
    Float64,
    Tally,
    area_under_roc,
    equal_error_rate,
    error_curve,
    fnmr_at_fmr,
    tally,
    tpr_at_fpr,
)
from eval.results.schema import Curves, Metric
from eval.statistics.intervals import Trials, area_trials, effective_observations, effective_trials, effective_units
from eval.statistics.pair_bootstrap import (
    FIXED,
    CurveEstimates,
    PairProblem,
    ResampledCurve,
    ScoredPairs,
    UnitWeights,
    bootstrap_weights,
    equal_weights,
    jackknife_weights,
    pair_interval,
    threshold_grid,
)
from eval.statistics.query_summary import Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES_AT_ONCE = 1000

SMALLEST_RATE = 1e-6
"""Curves start at this rate or above."""

CURVE_POINTS, SCORE_BINS = 181, 100
"""Points of a curve, and bins of a histogram of scores, in a result."""


class DrawScores(NamedTuple):
    """One draw: its pairs, its open-set searches (mated as genuine, unmated as impostor), and a fixed threshold."""

    pairs: PairScores
    searches: PairProblem | None
    threshold: float | None


class TargetRates(NamedTuple):
    """False positive rates at which TPR and FNMR (``fpr``), and FNIR (``fpir``), are reported."""

    fpr: tuple[float, ...]
    fpir: tuple[float, ...]


class Summaries(NamedTuple):
    """Metrics of the whole, a mean over parts, and of each part."""

    whole: Summary
    parts: dict[str, Summary]


def summarise_draws(
    targets: TargetRates,
    parts: Mapping[str, Sequence[DrawScores]],
    units: int,
    resamples: int,
    rng: np.random.Generator,
) -> Summaries:
    """Summarise draws: values are exact, ``ci95`` is a bootstrap over identities, jointly over draws and parts.

    A threshold that was set on other identities is the same in every resample. The interval of FNMR@FMR is that of
    1 - TPR@FPR, moved to its value. There is no interval if fewer than two identities have genuine pairs.

    Args:
        targets: rates at which metrics are reported.
        parts: per part its draws, as many in every part.
        units: number of identities; pairs number them from 0.
        resamples: number of bootstrap resamples; 0 gives no intervals.
        rng: generator of the bootstrap.
    """
    first = [draws[0] for draws in parts.values()]
    has_threshold = all(draw.threshold is not None for draw in first)
    has_searches = all(draw.searches is not None for draws in parts.values() for draw in draws)
    metrics = _MetricReader(targets, has_threshold=has_threshold, has_searches=has_searches)
    values = np.array([[metrics.exact(draw) for draw in draws] for draws in parts.values()])
    has_interval = count_matched(draw for draws in parts.values() for draw in draws) > 1
    curves = _resample(metrics, parts, units, resamples, rng) if has_interval else None
    counts = [[_count_pairs(draw, units) for draw in draws] for draws in parts.values()]
    sections = {
        name: _summary(
            metrics.names, values[p : p + 1], curves and _mean_over(curves, slice(p, p + 1)), counts[p : p + 1]
        )
        for p, name in enumerate(parts)
    }
    whole = _summary(metrics.names, values, curves and _mean_over(curves, slice(None)), counts)
    return Summaries(whole, sections)


def count_matched(draws: Iterable[DrawScores]) -> int:
    """Count the identities that have genuine pairs in some draw."""
    return len({unit for draw in draws for unit in np.unique(draw.pairs.pairs.genuine.first)})


def curves_of(parts: Mapping[str, Sequence[DrawScores]]) -> Curves:
    """Compute the curves and histograms of a result over draws and parts.

    ROC and DET are means of TPR at fixed FPR (vertical averaging, Fawcett 2006); FNIR at fixed FPIR likewise. They
    start at the smallest rate that can be measured. The histograms count the scores of all draws in bins of equal width
    from the lowest score to the highest.
    """
    draws = [draw for part in parts.values() for draw in part]
    fpr, tpr = _mean_curve([error_curve(draw.pairs.genuine, draw.pairs.impostor) for draw in draws])
    genuine, impostor = [draw.pairs.genuine for draw in draws], [draw.pairs.impostor for draw in draws]
    ends = _score_edges([*genuine, *impostor])
    edges = tuple(map(float, ends))
    curves: Curves = {
        "roc": {"fpr": fpr, "tpr": tpr},
        "det": {"fmr": fpr, "fnmr": tuple(1 - rate for rate in tpr)},
        "genuine": {"edges": edges, "counts": _histogram(genuine, ends)},
        "impostor": {"edges": edges, "counts": _histogram(impostor, ends)},
    }
    searches = [draw.searches for draw in draws if draw.searches is not None]
    if len(searches) == len(draws):
        fpir, tpir = _mean_curve([_search_curve(search) for search in searches])
        curves["open_set"] = {"fpir": fpir, "fnir": tuple(1 - rate for rate in tpir)}
    return curves


class _DrawCurves(NamedTuple):
    """One draw, prepared for resampling."""

    pairs: ResampledCurve
    searches: ResampledCurve | None
    threshold: float | None


class _MetricReader:
    """Reads the metrics of a draw, in the order of ``names``, off exact scores or resampled curves."""

    def __init__(self, targets: TargetRates, *, has_threshold: bool, has_searches: bool) -> None:
        self._targets, self._threshold, self._searches = targets, has_threshold, has_searches
        self.names = ["auc", "eer"]
        self.names += [f"tpr_at_fpr_{rate:g}" for rate in targets.fpr]
        self.names += [f"fnmr_at_fmr_{rate:g}" for rate in targets.fpr]
        self.names += ["threshold_fmr", "threshold_fnmr"] if has_threshold else []
        self.names += ["open_set_rank_1", *(f"fnir_at_fpir_{rate:g}" for rate in targets.fpir)] if has_searches else []

    def exact(self, draw: DrawScores) -> Float64:
        """Compute the exact metrics (metrics,) of one draw."""
        genuine, impostor = draw.pairs.genuine, draw.pairs.impostor
        searches = None if draw.searches is None else _search_curve(draw.searches)
        values = self._of(error_curve(genuine, impostor), searches, draw.threshold)
        for rate in self._targets.fpr:
            values[self.names.index(f"fnmr_at_fmr_{rate:g}")] = fnmr_at_fmr(genuine, impostor, rate)
        return values

    def resampling(self, draw: DrawScores) -> _DrawCurves:
        """Prepare one draw for resampling."""
        grid = threshold_grid(draw.pairs.pairs)
        if draw.threshold is not None:
            grid = np.union1d(grid, [draw.threshold])
        searches = None
        if self._searches and draw.searches is not None:
            never = np.union1d(threshold_grid(draw.searches), [float(NEVER_RETURNED)])
            searches = ResampledCurve(draw.searches, never)
        return _DrawCurves(ResampledCurve(draw.pairs.pairs, grid), searches, draw.threshold)

    def resampled(self, draw: _DrawCurves, weights: UnitWeights) -> Float64:
        """Compute the metrics (metrics, resamples) of one draw under weights."""
        searches = None if draw.searches is None else draw.searches.rates(weights)
        return self._of(draw.pairs.rates(weights), searches, draw.threshold)

    def _of(self, curve: ErrorCurve, searches: ErrorCurve | None, threshold: float | None) -> Float64:
        tpr = [tpr_at_fpr(curve, rate) for rate in self._targets.fpr]
        rows = [area_under_roc(curve), equal_error_rate(curve), *tpr, *(1 - rate for rate in tpr)]
        if self._threshold and threshold is not None:
            rows += _rates_at(curve, threshold)
        if self._searches and searches is not None:
            # Rates are nan in a resample that lost every search of a kind; so must be everything read off them.
            lost = 0 * searches.fmr[0]
            rows.append(1 - _rates_at(searches, float(NEVER_RETURNED))[1])
            rows += [1 - tpr_at_fpr(searches, rate) + lost for rate in self._targets.fpir]
        return np.array(rows)


def _rates_at(curve: ErrorCurve, threshold: float) -> list[Float64]:
    """FMR and FNMR at a threshold: those at the largest threshold of the curve that is not above it."""
    at = np.searchsorted(curve.thresholds, threshold, side="right") - 1
    return [curve.fmr[at], curve.fnmr[at]]


def _resample(
    metrics: _MetricReader,
    parts: Mapping[str, Sequence[DrawScores]],
    units: int,
    resamples: int,
    rng: np.random.Generator,
) -> CurveEstimates | None:
    """Resample the metrics (mean over draws) of every part; None if ``resamples`` is 0."""
    if resamples < 1:
        return None

    curves = [[metrics.resampling(draw) for draw in draws] for draws in parts.values()]

    def means(weights: UnitWeights) -> Float64:
        per_part = [np.mean([metrics.resampled(draw, weights) for draw in draws], axis=0) for draws in curves]
        return np.array(per_part).transpose(2, 0, 1)

    sizes = [min(RESAMPLES_AT_ONCE, resamples - start) for start in range(0, resamples, RESAMPLES_AT_ONCE)]
    estimates = np.concatenate([means(bootstrap_weights(units, size, rng)) for size in sizes])
    whole = means(equal_weights(units))[0]
    return CurveEstimates(estimates, whole, means(jackknife_weights(units)))


class _PairCounts(NamedTuple):
    """Numbers of one draw: genuine pairs and mated searches by identity (units,), and impostor pairs in all."""

    genuine: Float64
    mated: Float64
    impostors: float


def _count_pairs(draw: DrawScores, units: int) -> _PairCounts:
    def by_identity(pairs: ScoredPairs) -> Float64:
        resampled = pairs.first != FIXED
        return np.bincount(pairs.first[resampled], pairs.counts[resampled], units).astype(np.float64)

    mated = np.zeros(units) if draw.searches is None else by_identity(draw.searches.genuine)
    return _PairCounts(by_identity(draw.pairs.pairs.genuine), mated, float(draw.pairs.impostor.total))


def _trials(names: Sequence[str], counts: Sequence[Sequence[_PairCounts]]) -> tuple[Trials, Float64]:
    """Trials of the metrics, and the number of identities each depends on (metrics,), from the draws of some parts.

    Misses depend on the identities that have genuine pairs, or mated searches; false matches on pairs of one of these
    identities and any other. An identity that is only enrolled is no trial.
    """
    genuine, mated = (
        np.array([np.mean([getattr(draw, kind) for draw in draws], axis=0) for draws in counts])
        for kind in ("genuine", "mated")
    )
    impostors = np.array([np.mean([draw.impostors for draw in draws]) for draws in counts])
    of_pairs, of_searches = (_trials_of(count) for count in (genuine, mated))
    of_areas = (*np.full(2, area_trials(_identities(genuine))), of_pairs[2])
    identities = len(genuine[0])
    couples = of_pairs[2] * (identities - 1) / 2
    of_impostors = (couples, effective_observations(impostors), identities)
    special = {"auc": of_areas, "threshold_fmr": of_impostors}
    rows = [special.get(name, of_searches if name.startswith(("open_set", "fnir")) else of_pairs) for name in names]
    least, most, units = np.array(rows, np.float64).T
    return Trials(least, most), np.maximum(units, 2)


def _trials_of(counts: Float64) -> tuple[float, float, int]:
    """Least and most trials, and number of identities, from counts of pairs (parts, units)."""
    totals = counts.sum(axis=1)
    if not totals.all():
        return 1, 1, 0
    return *effective_trials(counts / totals[:, None], totals), int(counts.any(axis=0).sum())


def _identities(genuine: Float64) -> float:
    """Effective number of identities behind the genuine pairs (parts, units)."""
    totals = genuine.sum(axis=1, keepdims=True)
    return effective_units(genuine / totals) if totals.all() else 1


def _summary(
    names: Sequence[str], values: Float64, curves: CurveEstimates | None, counts: Sequence[Sequence[_PairCounts]]
) -> Summary:
    """Summarise values (parts, draws, metrics) of some parts, with their resampled estimates."""
    per_draw = values.mean(axis=0)
    value = per_draw.mean(axis=0)
    areas = np.isin(names, ["auc"])
    interval = None if curves is None else pair_interval(value, curves, *_trials(names, counts), areas)
    deviations = per_draw.std(axis=0, ddof=1) if len(per_draw) > 1 else None
    metrics = {
        name: Metric(
            value=float(value[at]),
            ci95=None if interval is None else (float(interval[at, 0]), float(interval[at, 1])),
            sd_draws=None if deviations is None else float(deviations[at]),
        )
        for at, name in enumerate(names)
    }
    return Summary(metrics, tuple(dict(zip(names, map(float, row), strict=True)) for row in per_draw))


def _mean_over(curves: CurveEstimates, parts: slice) -> CurveEstimates:
    """Mean of the estimates over some parts."""
    estimates, left_out = (rows[:, parts].mean(axis=1) for rows in (curves.estimates, curves.left_out))
    return CurveEstimates(estimates, curves.whole[parts].mean(axis=0), left_out)


def _search_curve(searches: PairProblem) -> ErrorCurve:
    return error_curve(tally(searches.genuine.scores), tally(searches.impostor.scores))


def _mean_curve(curves: Sequence[ErrorCurve]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    smallest = min(float(curve.fmr[curve.fmr > 0].min(initial=1.0)) for curve in curves)
    at = np.concatenate([[0.0], np.geomspace(min(max(smallest, SMALLEST_RATE), 0.5), 1, CURVE_POINTS)])
    rates = [1 - curve.fnmr[np.searchsorted(-curve.fmr, -(at + 1e-12), side="left")] for curve in curves]
    return tuple(map(float, at)), tuple(map(float, np.mean(rates, axis=0)))


def _score_edges(tallies: Sequence[Tally]) -> NDArray[np.float64]:
    """Edges of bins of equal width over all scores, at least 1e-6 from the first to the last."""
    low = min(float(scores.values.min()) for scores in tallies if len(scores.values))
    high = max(float(scores.values.max()) for scores in tallies if len(scores.values))
    return np.linspace(low, max(high, low + 1e-6), SCORE_BINS + 1)


def _histogram(tallies: Sequence[Tally], edges: NDArray[np.float64]) -> tuple[float, ...]:
    counts = sum(np.histogram(scores.values, edges, weights=scores.counts)[0] for scores in tallies)
    return tuple(map(float, np.asarray(counts)))


class PairScores(NamedTuple):
    """All pairs: exact ``genuine`` scores, the distribution of ``impostor`` scores, and ``pairs`` for resampling.

    Below the ``EXACT_IMPOSTORS`` largest, an impostor score is the centre of its bin, 2e-6 wide
    (:mod:`eval.verification.pair_scores`). So metrics at an FMR below ``EXACT_IMPOSTORS / impostors`` are exact, and
    every threshold is exact to 1e-6.
    """

    genuine: Tally
    impostor: Tally
    pairs: PairProblem
