"""The metrics of guessing, beside which those of a result are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eval.results.schema import EvalResult


def chance_levels(result: EvalResult) -> dict[str, float]:
    """Expected metrics of guessing, for the metrics of a result of which they can be told.

    A classification guesses every class of the label universe alike (equal probabilities, for NLL and Brier score). A
    ranking puts a gallery with one sample per identity in random order; of other galleries the result does not say
    enough. A verification draws scores at random.
    """
    levels = {"classification": _of_classes, "ranking": _of_gallery, "verification": _of_pairs}[result.task](result)
    return {name: levels[name] for name in result.metrics if name in levels}


def common_chance_levels(results: Sequence[EvalResult]) -> dict[str, float]:
    """Expected metrics of guessing that hold for all of these results; a result without a metric does not count.

    What differs is left out, as mAP where one result has another definition of AP or another size of gallery.
    """
    levels = [chance_levels(result) for result in results]
    common = {}
    for name in dict.fromkeys(name for of_result in levels for name in of_result):
        values = [
            of_result.get(name) for of_result, result in zip(levels, results, strict=True) if name in result.metrics
        ]
        first = values[0]
        if first is not None and all(value is not None and math.isclose(value, first) for value in values):
            common[name] = first
    return common


def most_frequent_share(result: EvalResult) -> float | None:
    """Share of the most frequent class among the test samples: the top-1 of always answering it."""
    supports = [metrics.support for metrics in (result.per_class or {}).values()]
    return max(supports) / sum(supports) if sum(supports) else None


def _of_classes(result: EvalResult) -> dict[str, float]:
    classes = max(result.label_universe.n, 1)
    tops = {name: int(name.removeprefix("top_")) for name in result.metrics if name.startswith("top_")}
    return {name: min(1.0, k / classes) for name, k in tops.items()} | {
        "balanced_accuracy": 1 / classes, "nll": math.log(classes), "brier": 1 - 1 / classes
    }  # fmt: skip


def _of_gallery(result: EvalResult) -> dict[str, float]:
    counts = [part.n for part in (result.parts or {}).values()] or [result.n]
    levels = [_of_one_each(result, n) for n in counts]
    return {name: float(np.mean([level[name] for level in levels])) for name in levels[0]} if all(levels) else {}


def _of_one_each(result: EvalResult, n: Mapping[str, float]) -> dict[str, float]:
    """Chance in a gallery with one sample of every identity; empty for other galleries."""
    size = n.get("gallery", 0)
    if not size or size != n.get("identities") or not float(size).is_integer():
        return {}
    ranks = {name: int(name.removeprefix("rank_")) for name in result.metrics if name.startswith("rank_")}
    reciprocal = float(np.mean(1 / np.arange(1, int(size) + 1)))  # mean of 1 / rank of the one positive
    inverse = {"mean_inp": reciprocal} | ({"mean_ap": reciprocal} if result.config.get("ap_method") == "step" else {})
    return {name: min(1.0, k / size) for name, k in ranks.items()} | inverse


def _of_pairs(result: EvalResult) -> dict[str, float]:
    tpr, fnmr = "tpr_at_fpr_", "fnmr_at_fmr_"
    rates = {name: float(name.removeprefix(tpr)) for name in result.metrics if name.startswith(tpr)}
    misses = {name: 1 - float(name.removeprefix(fnmr)) for name in result.metrics if name.startswith(fnmr)}
    return {"auc": 0.5, "eer": 0.5, **rates, **misses}
