"""From class probabilities to the figures of a classification, with intervals, and paired differences of two.

What is kept of an answer is a :class:`ClassTable`: a few numbers a sample. All figures are functions of weighted sums
over samples (counts by class, hits at k, losses, gaps of the calibration bins). So a resample is a product of a sparse
matrix, sums x units, with the weights of the units, and no resample is ever spelt out.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from eval.metrics.classification import ROWS_AT_ONCE, block_ranks, class_counts, require_classes, true_ranks
from eval.metrics.probabilities import NLL_LIMITS, brier, nll
from eval.results.schema import Metric
from eval.statistics.class_sums import ClassTable, Counted, MetricRule, count_by_unit, figures, whole
from eval.statistics.paired_tests import Difference, McNemar, mcnemar
from eval.statistics.query_figures import DrawTable
from eval.statistics.stratified_bootstrap import CELLS_AT_ONCE, bootstrap_ends, resampled_weights, strata_of
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

By = Literal["class", "group"]

UNSURE = frozenset({"ece"})
"""Figures without an interval: 83 to 91 % of those at a nominal 95 % held the truth, so they are not given."""

CURVED = frozenset({"macro_f1", "macro_jaccard", "ece"})
"""Figures that few samples bias; see :func:`eval.statistics.stratified_bootstrap.bootstrap_ends`."""

UNBOUNDED = frozenset({"nll", "brier", "ece"})
"""Figures that are no shares: not, or not always, between 0 and 1 with 1 where all is right."""

ROUNDING = 1e-10
"""Differences of figures this near to each other are the same."""


class ClassSummary(NamedTuple):
    """``metrics`` with uncertainty, and the figures of each draw, means over its seeds."""

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]


_Draws: TypeAlias = Sequence[Sequence[ClassTable]]


def class_table(rows: Int64, probs: Float32, labels: Int64, units: Int64, logits: Float32 | None = None) -> ClassTable:
    """Keep what figures are made of.

    Args:
        rows: (n,) which samples they are.
        probs: (n, C) class probabilities, rows sum to 1.
        labels: (n,) true classes.
        units: (n,) groups, or ``rows``.
        logits: (n, C) to rank the classes by; probabilities of float32 are 0 and tie far from the best.

    Raises:
        InputError: there are no samples, a probability is NaN, or a label is not a class.
    """
    _require_samples(labels)
    scores = probs if logits is None else logits
    ranks, predicted = true_ranks(scores, labels), scores.argmax(axis=1)
    confidence = probs[np.arange(len(probs)), predicted]
    return ClassTable(labels, predicted, ranks, nll(probs, labels), brier(probs, labels), confidence, rows, units)


def CLASS_METRICS(tops: Sequence[int]) -> list[str]:  # noqa: N802 (a constant, but for k)
    """Names of the figures, in the order they are shown."""
    return [*(f"top_{k}" for k in tops), "balanced_accuracy", "macro_f1", "macro_jaccard", "nll", "brier", "ece"]


def table_metrics(
    table: ClassTable, classes: int, rule: MetricRule, weights: Float64 | None = None
) -> dict[str, float]:
    """Compute the figures of one table.

    ``top_k`` is the share of samples whose true class is among the k best (1 where k reaches C);
    ``balanced_accuracy`` the mean recall of the classes that have samples; ``macro_f1`` and ``macro_jaccard`` are means
    over the classes of ``rule.macro_over``; ``nll`` and ``brier`` means over samples; ``ece`` the calibration error.

    Args:
        table: of at least one sample.
        classes: C.
        rule: definitions.
        weights: (n,) of the samples; None weighs them alike.
    """
    at = np.arange(len(table.labels))
    sums = count_by_unit(table, at, len(at), classes, rule).sums
    given = np.ones(len(at)) if weights is None else weights
    found = figures(sums @ given[:, None], classes, rule)[:, 0]
    return dict(zip(CLASS_METRICS(rule.tops), found.tolist(), strict=True))


def quick_metrics(logits: Float32, labels: Int64, rule: MetricRule) -> dict[str, float]:
    """Compute the figures of :func:`table_metrics` straight from logits, ``brier`` and ``ece`` left out.

    It is for choosing among many settings: float32, one pass over blocks of rows, no probabilities kept.

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
        block, own = logits[rows], labels[rows]
        at = np.arange(len(own))
        ranks[rows], predicted[rows] = block_ranks(block, own), block.argmax(axis=1)
        best = block[at, predicted[rows]]
        if not np.isfinite(best).all():
            raise InputError("A sample's logits give no probabilities: one is +inf, or all are -inf.")
        losses[rows] = np.log(np.exp(block - best[:, None]).sum(axis=1)) + (best - block[at, own])
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

    ``ci95`` is of the bootstrap of :mod:`eval.statistics.stratified_bootstrap`: a resample gives every image (``by``
    class) or group a weight, the same in all draws and seeds, and its estimate is the mean over seeds and draws, like
    the figure. It is None where there is one unit or no usable resample. A class whose samples are all of one unit
    cannot vary within; it weighs in macro means as often as its unit is drawn. ``sd_draws`` is the standard deviation
    (ddof 1) over draws; ``sd_seeds`` that over the seeds of a draw, averaged over draws.

    Args:
        draws: per draw its seeds, at least one of each.
        classes: C.
        rule: definitions.
        resamples: of the bootstrap; 0 asks for no interval.
        rng: where the bootstrap starts; it is copied, not used up.
        by: what is resampled.

    Raises:
        InputError: groups are asked for, and a sample has none (code below 0).
    """
    names = CLASS_METRICS(rule.tops)
    counted, strata = _all_counted([draws], classes, rule, by)
    seeds = [[whole(each, classes, rule) for each in draw] for draw in counted[0]]
    per_draw = np.array([np.mean(draw, axis=0) for draw in seeds])
    ends = _interval(per_draw.mean(axis=0), counted, strata, classes, rule, resamples, rng)
    spreads = [np.std(draw, axis=0, ddof=1) for draw in seeds if len(draw) > 1]
    metrics = _metrics(names, per_draw, ends)
    if spreads:
        spread = dict(zip(names, np.mean(spreads, axis=0).tolist(), strict=True))
        metrics = {name: each.model_copy(update={"sd_seeds": spread[name]}) for name, each in metrics.items()}
    return ClassSummary(metrics, tuple(dict(zip(names, row, strict=True)) for row in per_draw.tolist()))


def paired_classes(
    first: _Draws, second: _Draws, classes: int, rule: MetricRule, resamples: int, rng: np.random.Generator, by: By
) -> dict[str, Difference]:
    """Compare two systems that answered the same samples: second minus first.

    The interval is that of :func:`summarise_classes` on the differences: both get the same weights in every resample,
    so what is hard for both cancels. The p-value is by randomisation (Fisher 1935; Noreen 1989; for F1: Yeh 2000): if
    the two were alike, exchanging their answers to a unit, in all draws and seeds together, would change nothing. Sums
    of both are exchanged and all figures computed anew; p = (1 + #{abs(D*) >= abs(D)}) / (1 + resamples).

    Args:
        first: per draw the seeds of system A.
        second: the same for B: the same samples in the same order; as many seeds, or one on either side.
        classes: C.
        rule: definitions.
        resamples: of the bootstrap, and of the randomisation test.
        rng: where both start; it is copied, not used up.
        by: what is resampled and exchanged.

    Raises:
        InputError: the samples are not the same, or the seeds cannot be paired.
    """
    first, second = _matched(first, second)
    names = CLASS_METRICS(rule.tops)
    counted, strata = _all_counted([second, first], classes, rule, by)
    totals = [np.array([np.mean([whole(s, classes, rule) for s in seeds], axis=0) for seeds in c]) for c in counted]
    per_draw = totals[0] - totals[1]
    metrics = _metrics(
        names, per_draw, _interval(per_draw.mean(axis=0), counted, strata, classes, rule, resamples, rng)
    )
    p_values = _exchange_p(counted, len(strata), classes, rule, resamples, copy.deepcopy(rng))
    signs = np.sign(np.where(np.abs(per_draw) > ROUNDING, per_draw, 0))
    return {
        name: Difference(metrics[name], p, *((signs[:, at] == sign).sum().item() for sign in (1, 0, -1)))
        for at, (name, p) in enumerate(zip(names, p_values.tolist(), strict=True))
    }


def mcnemar_classes(first: _Draws, second: _Draws) -> McNemar:
    """Exact McNemar test on top-1, per draw and seed, and for all (:class:`eval.statistics.paired_tests.McNemar`).

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
    found = mcnemar([hits[0]], [hits[1]], 0)
    if found is None:  # pragma: no cover
        raise AssertionError
    return found


def _metrics(names: Sequence[str], per_draw: Float64, ends: Float64 | None) -> dict[str, Metric]:
    """Means over draws with their uncertainty."""
    deviations = per_draw.std(axis=0, ddof=1) if len(per_draw) > 1 else None
    return {
        name: Metric(
            value=float(per_draw[:, at].mean()),
            ci95=None if ends is None or name in UNSURE else (float(ends[at, 0]), float(ends[at, 1])),
            sd_draws=None if deviations is None else float(deviations[at]),
        )
        for at, name in enumerate(names)
    }


def _all_counted(
    systems: Sequence[_Draws], classes: int, rule: MetricRule, by: By
) -> tuple[list[list[list[Counted]]], Int64]:
    """Count the tables of systems over the same units; and the stratum of every unit."""
    tables = [table for draws in systems for seeds in draws for table in seeds]
    taken = [table.rows if by == "class" else table.units for table in tables]
    codes = np.unique(np.concatenate(taken))
    if by == "group" and codes[0] < 0:
        raise InputError("A sample has no group, so groups cannot be resampled; resample images by class instead.")
    places = [np.searchsorted(codes, units) for units in taken]
    strata = strata_of(np.concatenate(places), np.concatenate([table.labels for table in tables]))
    counted = iter(
        [count_by_unit(table, at, len(codes), classes, rule) for table, at in zip(tables, places, strict=True)]
    )
    return [[[next(counted) for _ in seeds] for seeds in draws] for draws in systems], strata


def _resampled(draws: Sequence[Sequence[Counted]], weights: Float64, classes: int, rule: MetricRule) -> Float64:
    """Figures (metrics, resamples) under weights (units, resamples), means over seeds, then draws."""
    total = np.zeros(())
    for seeds in draws:
        for counted in seeds:
            emphasis = np.where(counted.lone[:, None] < 0, 1.0, weights[counted.lone])
            total = total + figures(counted.sums @ weights, classes, rule, emphasis) / len(seeds)
    return total / len(draws)


def _interval(
    values: Float64, systems: Sequence[Sequence[Sequence[Counted]]], strata: Int64, classes: int, rule: MetricRule,
    resamples: int, rng: np.random.Generator,
) -> Float64 | None:  # fmt: skip
    """Ends (metrics, 2) for one system, or for the first of two less the other."""
    if len(strata) < 2 or resamples < 1:
        return None
    estimates = []
    for weights in resampled_weights(strata, resamples, copy.deepcopy(rng)):
        found = [_resampled(draws, weights, classes, rule) for draws in systems]
        estimates.append(found[0] - found[1] if len(found) > 1 else found[0])
    names = CLASS_METRICS(rule.tops)
    curved = np.isin(names, list(CURVED))
    shares = None if len(systems) > 1 else ~np.isin(names, list(UNBOUNDED))
    together = np.concatenate(estimates, axis=1)
    return bootstrap_ends(values, together, curved, len(strata), int(strata.max()) + 1, shares)


def _exchange_p(
    systems: Sequence[Sequence[Sequence[Counted]]], units: int, classes: int, rule: MetricRule, flips: int,
    rng: np.random.Generator,
) -> Float64:  # fmt: skip
    """p-values (metrics,) of the first system less the second under random exchanges of units; 1 without any."""
    pairs = [
        (
            one.sums - other.sums,
            one.sums.sum(axis=1)[:, None],
            other.sums.sum(axis=1)[:, None],
            len(draw) * len(systems[0]),
        )
        for draw, beside in zip(*systems, strict=True)
        for one, other in zip(draw, beside, strict=True)
    ]

    def apart(exchanged: Float64) -> Float64:
        total = np.zeros(())
        for gap, one, other, share in pairs:
            moved = gap @ exchanged
            total = total + (figures(one - moved, classes, rule) - figures(other + moved, classes, rule)) / share
        return np.abs(total)

    seen = apart(np.zeros((units, 1)))
    farther = np.zeros(len(seen), np.int64)
    step = max(1, CELLS_AT_ONCE // units)
    for start in range(0, flips, step):
        exchanged = rng.integers(0, 2, (units, min(step, flips - start))).astype(np.float64)
        farther += (apart(exchanged) >= seen - ROUNDING).sum(axis=1)
    p_values: Float64 = (1 + farther) / (1 + flips)
    return p_values


def _require_samples(labels: Int64) -> None:
    if not len(labels):
        raise InputError("There are no samples to count; the split is empty.")


def _matched(first: _Draws, second: _Draws) -> tuple[list[list[ClassTable]], list[list[ClassTable]]]:
    """Both systems with as many seeds each; one seed stands beside all of the other's."""
    pairs: tuple[list[list[ClassTable]], list[list[ClassTable]]] = ([], [])
    same = len(first) == len(second)
    for a, b in zip(first, second, strict=False):
        if len(a) != len(b) and 1 not in {len(a), len(b)}:
            raise InputError(f"{len(a)} seeds of one system cannot be paired with {len(b)} of the other.")
        seeds = max(len(a), len(b))
        for draws, own in zip(pairs, (a, b), strict=True):
            draws.append(list(own) if len(own) == seeds else list(own) * seeds)
        same &= all(
            np.array_equal(one.rows, other.rows) and np.array_equal(one.labels, other.labels)
            for one, other in zip(pairs[0][-1], pairs[1][-1], strict=True)
        )
    if not same:
        raise InputError("The two evaluations count different samples, so their figures cannot be paired.")
    return pairs
