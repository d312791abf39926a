"""From the scores of draws to the figures of a verification result: values, intervals, deviations, curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.open_set import NEVER
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
from eval.statistics.intervals import Trials, effective_observations, effective_trials
from eval.statistics.pair_bootstrap import (
    FIXED,
    PairProblem,
    Pairs,
    Resampled,
    ResampledCurve,
    Weights,
    centred_interval,
    equal_weights,
    left_out_weights,
    threshold_grid,
    unit_weights,
)
from eval.statistics.query_figures import Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES_AT_ONCE = 1000
SMALLEST_RATE = 1e-6
CURVE_POINTS, SCORE_BINS = 181, 100
"""Points of a curve, and bins of a histogram of scores, that pictures are drawn from."""


class DrawScores(NamedTuple):
    """One draw: its pairs, its open-set searches (mated as genuine, unmated as impostors), a threshold set before."""

    pairs: PairScores
    searches: PairProblem | None
    threshold: float | None


class Targets(NamedTuple):
    """Rates at which figures are read off."""

    fpr: tuple[float, ...]
    fpir: tuple[float, ...]


class Summaries(NamedTuple):
    """Figures of the whole, a mean over parts, and of each part."""

    whole: Summary
    parts: dict[str, Summary]


def summarise_draws(
    targets: Targets,
    parts: Mapping[str, Sequence[DrawScores]],
    units: int,
    resamples: int,
    rng: np.random.Generator,
) -> Summaries:
    """Summarise draws: values are exact, ``ci95`` is a bootstrap over identities, the same ones in draws and parts.

    The threshold that was set on other identities stays as it is in the bootstrap. The interval of FNMR@FMR is that
    of 1 - TPR@FPR, moved to its value. Where fewer than two people have genuine pairs there is none.

    Args:
        targets: rates to read off.
        parts: per part its draws, as many in every part.
        units: identities; pairs name them 0 ... units - 1.
        resamples: 0 asks for no intervals.
        rng: of the bootstrap.
    """
    first = [draws[0] for draws in parts.values()]
    has_threshold = all(draw.threshold is not None for draw in first)
    has_searches = all(draw.searches is not None for draws in parts.values() for draw in draws)
    figures = _Figures(targets, has_threshold=has_threshold, has_searches=has_searches)
    values = np.array([[figures.exact(draw) for draw in draws] for draws in parts.values()])
    sure = count_matched(draw for draws in parts.values() for draw in draws) > 1
    found = _resampled(figures, parts, units, resamples, rng) if sure else None
    counts = [[_counted(draw, units) for draw in draws] for draws in parts.values()]
    sections = {
        name: _summary(
            figures.names, values[p : p + 1], found and _mean_over(found, slice(p, p + 1)), counts[p : p + 1]
        )
        for p, name in enumerate(parts)
    }
    whole = _summary(figures.names, values, found and _mean_over(found, slice(None)), counts)
    return Summaries(whole, sections)


def count_matched(draws: Iterable[DrawScores]) -> int:
    """How many people have genuine pairs in some draw."""
    return len({unit for draw in draws for unit in np.unique(draw.pairs.pairs.genuine.first)})


def curves_of(parts: Mapping[str, Sequence[DrawScores]]) -> Curves:
    """Points for pictures, over draws and parts.

    ROC and DET are means of TPR at fixed FPR (vertical averaging, Fawcett 2006), as is FNIR at fixed FPIR, from the
    smallest rate that can be measured on; the histograms count the scores of all draws between the lowest and highest.
    """
    draws = [draw for found in parts.values() for draw in found]
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
        fpir, found = _mean_curve([_search_curve(search) for search in searches])
        curves["open_set"] = {"fpir": fpir, "fnir": tuple(1 - rate for rate in found)}
    return curves


class _DrawCurves(NamedTuple):
    """One draw, ready to be resampled."""

    pairs: ResampledCurve
    searches: ResampledCurve | None
    threshold: float | None


class _Figures:
    """The figures of a draw, in the order of ``names``: from exact scores, or from resampled curves."""

    def __init__(self, targets: Targets, *, has_threshold: bool, has_searches: bool) -> None:
        self._targets, self._threshold, self._searches = targets, has_threshold, has_searches
        self.names = ["auc", "eer"]
        self.names += [f"tpr_at_fpr_{rate:g}" for rate in targets.fpr]
        self.names += [f"fnmr_at_fmr_{rate:g}" for rate in targets.fpr]
        self.names += ["threshold_fmr", "threshold_fnmr"] if has_threshold else []
        self.names += ["open_set_rank_1", *(f"fnir_at_fpir_{rate:g}" for rate in targets.fpir)] if has_searches else []

    def exact(self, draw: DrawScores) -> Float64:
        """Figures (metrics,) of one draw."""
        genuine, impostor = draw.pairs.genuine, draw.pairs.impostor
        searches = None if draw.searches is None else _search_curve(draw.searches)
        figures = self._of(error_curve(genuine, impostor), searches, draw.threshold)
        for rate in self._targets.fpr:
            figures[self.names.index(f"fnmr_at_fmr_{rate:g}")] = fnmr_at_fmr(genuine, impostor, rate)
        return figures

    def resampling(self, draw: DrawScores) -> _DrawCurves:
        """What the resamples of one draw have in common."""
        grid = threshold_grid(draw.pairs.pairs)
        if draw.threshold is not None:
            grid = np.union1d(grid, [draw.threshold])
        searches = None
        if self._searches and draw.searches is not None:
            never = np.union1d(threshold_grid(draw.searches), [float(NEVER)])
            searches = ResampledCurve(draw.searches, never)
        return _DrawCurves(ResampledCurve(draw.pairs.pairs, grid), searches, draw.threshold)

    def resampled(self, draw: _DrawCurves, weights: Weights) -> Float64:
        """Figures (metrics, resamples) of one draw."""
        searches = None if draw.searches is None else draw.searches.rates(weights)
        return self._of(draw.pairs.rates(weights), searches, draw.threshold)

    def _of(self, curve: ErrorCurve, searches: ErrorCurve | None, threshold: float | None) -> Float64:
        tpr = [tpr_at_fpr(curve, rate) for rate in self._targets.fpr]
        rows = [area_under_roc(curve), equal_error_rate(curve), *tpr, *(1 - rate for rate in tpr)]
        if self._threshold and threshold is not None:
            rows += _rates_at(curve, threshold)
        if self._searches and searches is not None:
            # An unweighted share is nan where a resample lost every search of a kind; so is everything read off it.
            lost = 0 * searches.fmr[0]
            rows.append(1 - _rates_at(searches, float(NEVER))[1])
            rows += [1 - tpr_at_fpr(searches, rate) + lost for rate in self._targets.fpir]
        return np.array(rows)


def _rates_at(curve: ErrorCurve, threshold: float) -> list[Float64]:
    """FMR and FNMR of a threshold: those of the largest threshold of the curve that is not above it."""
    at = np.searchsorted(curve.thresholds, threshold, side="right") - 1
    return [curve.fmr[at], curve.fnmr[at]]


def _resampled(
    figures: _Figures,
    parts: Mapping[str, Sequence[DrawScores]],
    units: int,
    resamples: int,
    rng: np.random.Generator,
) -> Resampled | None:
    """Means over draws of resampled figures, by part; None where nothing is to be resampled."""
    if resamples < 1:
        return None

    ready = [[figures.resampling(draw) for draw in draws] for draws in parts.values()]

    def means(weights: Weights) -> Float64:
        per_part = [np.mean([figures.resampled(draw, weights) for draw in draws], axis=0) for draws in ready]
        return np.array(per_part).transpose(2, 0, 1)

    sizes = [min(RESAMPLES_AT_ONCE, resamples - start) for start in range(0, resamples, RESAMPLES_AT_ONCE)]
    estimates = np.concatenate([means(unit_weights(units, size, rng)) for size in sizes])
    whole = means(equal_weights(units))[0]
    return Resampled(estimates, whole, means(left_out_weights(units)))


class _Counted(NamedTuple):
    """Of one draw: genuine pairs and mated searches by person (units,), and how many impostor pairs there are."""

    genuine: Float64
    mated: Float64
    impostors: float


def _counted(draw: DrawScores, units: int) -> _Counted:
    def by_person(pairs: Pairs) -> Float64:
        named = pairs.first != FIXED
        return np.bincount(pairs.first[named], pairs.counts[named], units).astype(np.float64)

    mated = np.zeros(units) if draw.searches is None else by_person(draw.searches.genuine)
    return _Counted(by_person(draw.pairs.pairs.genuine), mated, float(draw.pairs.impostor.total))


def _trials(names: Sequence[str], counts: Sequence[Sequence[_Counted]]) -> tuple[Trials, Float64]:
    """Trials of the figures, and how many people each is of (metrics,), from the draws of some parts.

    What is missed depends on people who have genuine pairs, or mated searches; false matches on pairs of one of them
    and anyone. Who is only enrolled is no trial.
    """
    genuine, mated = (
        np.array([np.mean([getattr(draw, kind) for draw in draws], axis=0) for draws in counts])
        for kind in ("genuine", "mated")
    )
    impostors = np.array([np.mean([draw.impostors for draw in draws]) for draws in counts])
    of_pairs, of_searches = (_trials_of(found) for found in (genuine, mated))
    people = len(genuine[0])
    pairs_of_people = of_pairs[2] * (people - 1) / 2
    of_impostors = (pairs_of_people, effective_observations(impostors), people)
    rows = [
        of_impostors if name == "threshold_fmr" else of_searches if name.startswith(("open_set", "fnir")) else of_pairs
        for name in names
    ]
    least, most, units = np.array(rows, np.float64).T
    return Trials(least, most), np.maximum(units, 2)


def _trials_of(found: Float64) -> tuple[float, float, int]:
    """Least and most trials, and people, of pairs counted by part and person (parts, units)."""
    totals = found.sum(axis=1)
    if not totals.all():
        return 1, 1, 0
    return *effective_trials(found / totals[:, None], totals), int(found.any(axis=0).sum())


def _summary(
    names: Sequence[str], values: Float64, found: Resampled | None, counts: Sequence[Sequence[_Counted]]
) -> Summary:
    """Summarise values (parts, draws, metrics) of some parts, with what was resampled of them."""
    per_draw = values.mean(axis=0)
    value = per_draw.mean(axis=0)
    interval = None if found is None else centred_interval(value, found, *_trials(names, counts))
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


def _mean_over(found: Resampled, parts: slice) -> Resampled:
    """Means over some parts."""
    estimates, left_out = (rows[:, parts].mean(axis=1) for rows in (found.estimates, found.left_out))
    return Resampled(estimates, found.whole[parts].mean(axis=0), left_out)


def _search_curve(searches: PairProblem) -> ErrorCurve:
    return error_curve(tally(searches.genuine.scores), tally(searches.impostor.scores))


def _mean_curve(curves: Sequence[ErrorCurve]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    smallest = min(float(curve.fmr[curve.fmr > 0].min(initial=1.0)) for curve in curves)
    at = np.concatenate([[0.0], np.geomspace(min(max(smallest, SMALLEST_RATE), 0.5), 1, CURVE_POINTS)])
    rates = [1 - curve.fnmr[np.searchsorted(-curve.fmr, -(at + 1e-12), side="left")] for curve in curves]
    return tuple(map(float, at)), tuple(map(float, np.mean(rates, axis=0)))


def _score_edges(tallies: Sequence[Tally]) -> NDArray[np.float64]:
    """Ends of equal bins over all scores; scores that hardly differ still get bins of some width."""
    low = min(float(found.values.min()) for found in tallies if len(found.values))
    high = max(float(found.values.max()) for found in tallies if len(found.values))
    return np.linspace(low, max(high, low + 1e-6), SCORE_BINS + 1)


def _histogram(tallies: Sequence[Tally], edges: NDArray[np.float64]) -> tuple[float, ...]:
    counts = sum(np.histogram(found.values, edges, weights=found.counts)[0] for found in tallies)
    return tuple(map(float, np.asarray(counts)))


class PairScores(NamedTuple):
    """All pairs: exact ``genuine`` scores, the distribution of ``impostor`` scores, and ``pairs`` for resampling.

    Below the :data:`EXACT_IMPOSTORS` largest, impostor scores are known by bins 2e-6 wide, as the bin's centre. So a
    figure at an FMR below ``EXACT_IMPOSTORS / impostors`` is exact, and any threshold is to 1e-6.
    """

    genuine: Tally
    impostor: Tally
    pairs: PairProblem
