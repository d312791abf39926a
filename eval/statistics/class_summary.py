"""From class probabilities to the metrics of a classification, with intervals, and paired differences of two.

An answer is reduced to a :class:`eval.statistics.class_sums.ClassTable`, a few numbers per sample. All metrics are
functions of weighted sums over samples (counts by class, hits at k, losses, gaps of the calibration bins). So a
resample is the product of a sparse matrix, sums by units, with the weights of the units.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from eval.metrics.classification import ROWS_AT_ONCE, block_ranks, class_counts, require_classes, true_ranks
from eval.metrics.probabilities import NLL_LIMITS, brier, nll
from eval.results.schema import Metric
from eval.statistics.class_sums import (
    ClassTable,
    MetricRule,
    UnitSums,
    metrics_of_all,
    metrics_of_sums,
    sum_by_unit,
    unit_hits,
    unit_shares,
)
from eval.statistics.exchange_test import (
    Exchanges,
    UnitDifferences,
    exchange_interval,
    exchange_p,
    exchange_signs,
    finite_ends,
    widen_by_unseen,
)
from eval.statistics.paired_tests import McNemar, PairedDifference, mcnemar
from eval.statistics.query_summary import DrawTable
from eval.statistics.stratified_bootstrap import mean_over_draws, strata_of, stratified_interval, stratified_weights
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

By = Literal["class", "group"]

WITHOUT_INTERVAL = frozenset({"ece"})
"""Metrics without an interval, since one at a nominal 95 % contained the truth in 83 to 91 % of simulations."""

BIASED = frozenset({"macro_f1", "macro_jaccard", "ece"})
"""Metrics that few samples bias; see :func:`eval.statistics.stratified_bootstrap.stratified_interval`."""

UNBOUNDED = frozenset({"nll", "brier", "ece"})
"""Metrics that are no proportions of right answers."""

ROUNDING = 1e-10
"""Differences of metrics that differ by no more are equal."""


class ClassSummary(NamedTuple):
    """``metrics`` with their uncertainty, and the metrics of each draw, means over its seeds."""

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]


_Draws: TypeAlias = Sequence[Sequence[ClassTable]]
Systems: TypeAlias = Sequence[Sequence[Sequence[UnitSums]]]


def class_table(rows: Int64, probs: Float32, labels: Int64, units: Int64, logits: Float32 | None = None) -> ClassTable:
    """Reduce an answer to the numbers that metrics are computed from.

    Args:
        rows: (n,) numbers of the samples.
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
        units: (n,) numbers of the groups, or ``rows``.
        logits: (n, C) to rank the classes by, since float32 probabilities far below the largest are all 0; None
            ranks by ``probs``.

    Raises:
        InputError: there are no samples, a probability is NaN, or a label is not a class.
    """
    _require_samples(labels)
    scores = probs if logits is None else logits
    ranks, predicted = true_ranks(scores, labels), scores.argmax(axis=1)
    confidence = probs[np.arange(len(probs)), predicted]
    return ClassTable(labels, predicted, ranks, nll(probs, labels), brier(probs, labels), confidence, rows, units)


def class_metric_names(tops: Sequence[int]) -> list[str]:
    """Names of the metrics, in the order in which they are computed and shown.

    ``top_k`` is the fraction of samples whose true class is among the k best (1 if k reaches C); ``balanced_accuracy``
    the mean recall of the classes that have samples; ``macro_f1`` and ``macro_jaccard`` are means over the classes of
    ``MetricRule.macro_over``; ``nll`` and ``brier`` means over samples; ``ece`` is the expected calibration error.
    """
    return [*(f"top_{k}" for k in tops), "balanced_accuracy", "macro_f1", "macro_jaccard", "nll", "brier", "ece"]


def metrics_of_logits(logits: Float32, labels: Int64, rule: MetricRule) -> dict[str, float]:
    """Compute the metrics of :func:`class_metric_names` straight from logits, except ``brier`` and ``ece``.

    It is fast, for choosing among many settings: float32, one pass over blocks of rows, no probabilities stored.

    Args:
        logits: (n, C), at least one finite in every row; -inf is a class that cannot be answered.
        labels: (n,) true classes.
        rule: definitions.

    Raises:
        InputError: there are no samples, a logit is NaN or +inf, a row has no finite one, or a label is not a class.
    """
    _require_samples(labels)
    require_classes(labels, logits.shape[1])
    ranks, predicted = np.empty((2, len(labels)), np.int64)
    losses = np.empty(len(labels))
    for start in range(0, len(labels), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        block, truth = logits[rows], labels[rows]
        at = np.arange(len(truth))
        ranks[rows], predicted[rows] = block_ranks(block, truth), block.argmax(axis=1)
        best = block[at, predicted[rows]]
        if not np.isfinite(best).all():
            raise InputError("A sample's logits give no probabilities: one is +inf, or all are -inf.")
        losses[rows] = np.log(np.exp(block - best[:, None]).sum(axis=1)) + (best - block[at, truth])
    counts = class_counts(labels, predicted, logits.shape[1])
    return {f"top_{k}": float((ranks <= k).mean()) for k in rule.tops} | {
        "balanced_accuracy": counts.balanced_accuracy,
        "macro_f1": float(counts.macro(counts.f1, rule.macro_over)),
        "macro_jaccard": float(counts.macro(counts.jaccard, rule.macro_over)),
        "nll": float(np.clip(losses, *NLL_LIMITS).mean()),
    }


def summarise_classes(
    draws: _Draws, classes: int, rule: MetricRule, resamples: int, rng: np.random.Generator, by: By
) -> ClassSummary:
    """Summarise draws: mean over the seeds of a draw, then over draws.

    ``ci95`` comes from the bootstrap of :mod:`eval.statistics.stratified_bootstrap`. A resample gives every sample
    (``by="class"``) or group (``by="group"``) a weight, the same in all draws and seeds; its estimate is the mean over
    seeds and draws, as the metric is; where draws have so few units that many resamples leave one out, draws count by
    the weight of their samples there. It is None if there is one unit, or few usable resamples. A class whose samples
    are all of one unit does not vary within a resample; in macro means it weighs as much as its unit. ``sd_draws`` is
    the standard deviation (ddof 1) over draws; ``sd_seeds`` that over the seeds of a draw, averaged over draws.

    Args:
        draws: per draw the tables of its seeds; at least one draw, and one seed of each.
        classes: C.
        rule: definitions.
        resamples: number of bootstrap resamples; 0 gives no interval.
        rng: generator of the bootstrap; it is copied, so its state does not change.
        by: what is resampled: samples within their class, or groups.

    Raises:
        InputError: ``by`` is ``group``, and a sample has no group (a number below 0).
    """
    names = class_metric_names(rule.tops)
    sums, strata = _sum_systems([draws], classes, rule, by)
    seeds = [[metrics_of_all(seed, classes, rule) for seed in draw] for draw in sums[0]]
    per_draw = np.array([np.mean(draw, axis=0) for draw in seeds])
    ends = _interval(per_draw.mean(axis=0), sums[0], strata, classes, rule, resamples, rng)
    spreads = [np.std(draw, axis=0, ddof=1) for draw in seeds if len(draw) > 1]
    metrics = _metrics(names, per_draw, ends)
    if spreads:
        spread = dict(zip(names, np.mean(spreads, axis=0).tolist(), strict=True))
        metrics = {name: metric.model_copy(update={"sd_seeds": spread[name]}) for name, metric in metrics.items()}
    return ClassSummary(metrics, tuple(dict(zip(names, row, strict=True)) for row in per_draw.tolist()))


def paired_classes(
    first: _Draws, second: _Draws, classes: int, rule: MetricRule, resamples: int, rng: np.random.Generator, by: By
) -> dict[str, PairedDifference]:
    """Compare two systems that answered the same samples: second minus first.

    Interval and p-value are of one randomisation test (:mod:`eval.statistics.exchange_test`; for F1 Yeh 2000): it
    exchanges the answers of the two systems to a unit, in all draws and seeds together, and all metrics are computed
    again. The intervals of proportions are widened where few units differ
    (:func:`eval.statistics.exchange_test.widen_by_unseen`), unless all answers are equal; those of macro F1 and macro
    Jaccard as that of balanced accuracy. There is none with fewer than
    :data:`eval.statistics.exchange_test.FEWEST_UNITS` units.

    Args:
        first: per draw the tables of the seeds of system A.
        second: the same of B: the same samples in the same order; as many seeds, or one on either side.
        classes: C.
        rule: definitions.
        resamples: number of random exchanges; 0 gives no interval and p = 1.
        rng: generator of the exchanges; it is copied, so its state does not change.
        by: what is exchanged: samples, or groups.

    Raises:
        InputError: the samples are not the same, or the seeds cannot be paired.
    """
    first, second = _matched(first, second)
    names = class_metric_names(rule.tops)
    sums, _ = _sum_systems([second, first], classes, rule, by)
    values = [
        np.array([np.mean([metrics_of_all(seed, classes, rule) for seed in seeds], axis=0) for seeds in draws])
        for draws in sums
    ]
    per_draw = values[0] - values[1]
    units = _unit_differences(sums, classes, rule)
    exchanges = _exchanges(sums, units.shares, classes, rule, resamples, copy.deepcopy(rng))
    ends, p_values = exchange_interval(exchanges), exchange_p(exchanges)
    if not _same_answers(first, second):
        proportions = ~np.isin(names, list(UNBOUNDED))
        ends[proportions] = widen_by_unseen(ends, units)[proportions]
    metrics = _metrics(names, per_draw, ends)
    signs = np.sign(np.where(np.abs(per_draw) > ROUNDING, per_draw, 0))
    return {
        name: PairedDifference(metrics[name], p, *((signs[:, at] == sign).sum().item() for sign in (1, 0, -1)))
        for at, (name, p) in enumerate(zip(names, p_values.tolist(), strict=True))
    }


def mcnemar_classes(first: _Draws, second: _Draws) -> McNemar:
    """Exact McNemar test on top-1, per draw and seed, and for all together.

    Args:
        first: per draw the seeds of system A.
        second: as for :func:`paired_classes`.

    Raises:
        InputError: the samples are not the same, or the seeds cannot be paired.
    """
    hits = [
        [DrawTable((table.ranks == 1).astype(np.float64)[:, None], table.rows) for seeds in draws for table in seeds]
        for draws in _matched(first, second)
    ]
    test = mcnemar([hits[0]], [hits[1]], 0)
    if test is None:  # pragma: no cover - hits are 0 or 1
        raise AssertionError
    return test


def _metrics(names: Sequence[str], per_draw: Float64, ends: Float64 | None) -> dict[str, Metric]:
    """Means over draws with their intervals and deviations."""
    deviations = per_draw.std(axis=0, ddof=1) if len(per_draw) > 1 else None
    return {
        name: Metric(
            value=float(per_draw[:, at].mean()),
            ci95=None if ends is None or name in WITHOUT_INTERVAL else finite_ends(ends[at]),
            sd_draws=None if deviations is None else float(deviations[at]),
        )
        for at, name in enumerate(names)
    }


def _sum_systems(
    systems: Sequence[_Draws], classes: int, rule: MetricRule, by: By
) -> tuple[list[list[list[UnitSums]]], Int64]:
    """Sums of the tables of every system over the same units, and the stratum of every unit."""
    tables = [table for draws in systems for seeds in draws for table in seeds]
    units = [table.rows if by == "class" else table.units for table in tables]
    occurring = np.unique(np.concatenate(units))
    if by == "group" and occurring[0] < 0:
        raise InputError("A sample has no group, so groups cannot be resampled; resample samples by class instead.")
    numbers = [np.searchsorted(occurring, unit) for unit in units]
    strata = strata_of(np.concatenate(numbers), np.concatenate([table.labels for table in tables]))
    sums = iter(
        [sum_by_unit(table, at, len(occurring), classes, rule) for table, at in zip(tables, numbers, strict=True)]
    )
    return [[[next(sums) for _ in seeds] for seeds in draws] for draws in systems], strata


def _resampled(
    draws: Sequence[Sequence[UnitSums]], weights: Float64, classes: int, rule: MetricRule
) -> tuple[Float64, Float64]:
    """Metrics of every draw (draws, metrics, resamples), means over its seeds, under weights (units, resamples).

    With them how heavy the samples of each draw are there (draws, resamples), 1 as in the test set.
    """
    metrics, heaviness = [], []
    for seeds in draws:
        total = np.zeros(())
        for seed in seeds:
            emphasis = np.where(seed.lone[:, None] < 0, 1.0, weights[seed.lone])
            total = total + metrics_of_sums(seed.sums @ weights, classes, rule, emphasis) / len(seeds)
        metrics.append(total)
        samples = seeds[0].row(3 * classes)
        heaviness.append(samples @ weights / samples.sum())
    return np.stack(metrics), np.stack(heaviness)


def _interval(
    values: Float64, draws: Sequence[Sequence[UnitSums]], strata: Int64, classes: int, rule: MetricRule,
    resamples: int, rng: np.random.Generator,
) -> Float64 | None:  # fmt: skip
    """Interval (metrics, 2) of one system."""
    if len(strata) < 2 or resamples < 1:
        return None
    blocks = [
        _resampled(draws, weights, classes, rule)
        for weights in stratified_weights(strata, resamples, copy.deepcopy(rng))
    ]
    metrics, heaviness = (np.concatenate(side, axis=-1) for side in zip(*blocks, strict=True))
    names = class_metric_names(rule.tops)
    biased, proportions = np.isin(names, list(BIASED)), ~np.isin(names, list(UNBOUNDED))
    return stratified_interval(
        values, mean_over_draws(metrics, heaviness), biased, len(strata), int(strata.max()) + 1, proportions
    )


def _pairs(systems: Systems) -> list[tuple[UnitSums, UnitSums, int]]:
    """The sums of the first system and the second, and by how much the mean over seeds and draws divides them."""
    return [
        (one, other, len(draw) * len(systems[0]))
        for draw, beside in zip(*systems, strict=True)
        for one, other in zip(draw, beside, strict=True)
    ]


def _unit_differences(systems: Systems, classes: int, rule: MetricRule) -> UnitDifferences:
    """What units contribute to the first system's metrics less the second's."""
    amounts, shares, observations = np.zeros(()), np.zeros(()), 0.0
    for one, other, parts in _pairs(systems):
        amounts = amounts + (unit_hits(one, classes, rule) - unit_hits(other, classes, rule)) / parts
        shares = shares + unit_shares(one, classes, rule) / parts
        observations += one.row(3 * classes).sum() / one.sums.shape[1] / parts
    return UnitDifferences(amounts, shares, observations)


def _exchanges(
    systems: Systems, shares: Float64, classes: int, rule: MetricRule, exchanges: int, rng: np.random.Generator
) -> Exchanges:
    """Metrics of the first system less those of the second, after exchanges of units."""
    pairs = [
        (one.sums - other.sums, one.sums.sum(axis=1)[:, None], other.sums.sum(axis=1)[:, None], parts)
        for one, other, parts in _pairs(systems)
    ]
    blocks = []
    for signs in exchange_signs(len(shares), exchanges, rng):
        differences = np.zeros(())
        for gap, one, other, parts in pairs:
            moved = gap @ ((1 - signs) / 2)
            first, second = (metrics_of_sums(sums, classes, rule) for sums in (one - moved, other + moved))
            differences = differences + (first - second) / parts
        blocks.append((differences, shares.T @ signs))
    return Exchanges(*(np.concatenate(side, axis=1) for side in zip(*blocks, strict=True)))


def _same_answers(first: _Draws, second: _Draws) -> bool:
    return all(
        all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(table, beside, strict=True))
        for one, other in zip(first, second, strict=True)
        for table, beside in zip(one, other, strict=True)
    )


def _require_samples(labels: Int64) -> None:
    if not len(labels):
        raise InputError("There are no samples to count; the split is empty.")


def _matched(first: _Draws, second: _Draws) -> tuple[list[list[ClassTable]], list[list[ClassTable]]]:
    """Pair the seeds of both systems; a single seed is paired with all of the other's."""
    pairs: tuple[list[list[ClassTable]], list[list[ClassTable]]] = ([], [])
    same = len(first) == len(second)
    for a, b in zip(first, second, strict=False):
        if len(a) != len(b) and 1 not in {len(a), len(b)}:
            raise InputError(f"{len(a)} seeds of one system cannot be paired with {len(b)} of the other.")
        seeds = max(len(a), len(b))
        for draws, tables in zip(pairs, (a, b), strict=True):
            draws.append(list(tables) if len(tables) == seeds else list(tables) * seeds)
        same &= all(
            np.array_equal(one.rows, other.rows) and np.array_equal(one.labels, other.labels)
            for one, other in zip(pairs[0][-1], pairs[1][-1], strict=True)
        )
    if not same:
        raise InputError("The two evaluations count different samples, so their metrics cannot be paired.")
    return pairs
