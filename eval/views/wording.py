"""Names of metrics, percentages, intervals and p-values, as the terminal and the report write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eval.ranking.rescoring import scoring_words

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Metric

METRIC_NAMES = {
    "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1", "macro_jaccard": "macro-Jaccard (mIoU)",
    "weighted_f1": "weighted F1",
    "nll": "NLL", "brier": "Brier", "ece": "ECE", "mean_ap": "mAP", "mean_inp": "mINP", "eer": "EER", "auc": "AUC",
    "threshold_fmr": "FMR at the threshold", "threshold_fnmr": "FNMR at the threshold",
    "open_set_rank_1": "open-set Rank-1",
}  # fmt: skip

RATE_NAMES = {
    "tpr_at_fpr_": "TPR at FPR \N{LESS-THAN OR EQUAL TO} {:g}",
    "fnmr_at_fmr_": "FNMR at FMR = {:g} (interpolated)",
    "fnir_at_fpir_": "FNIR at FPIR \N{LESS-THAN OR EQUAL TO} {:g}",
}
"""Beginnings of the names of metrics at a rate, and how they are written.

TPR is that of a threshold whose FPR is at most the rate; FNMR that of the interpolated quantile of impostor scores, so
the two need not sum to one.
"""

NOT_PERCENT = frozenset({"nll", "brier"})
"""Metrics that are not fractions and are therefore not written as percentages."""

LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "eer", "threshold_fmr", "threshold_fnmr"})
ERROR_RATES = ("fnmr_at_fmr_", "fnir_at_fpir_")
"""Beginnings of the names of metrics at a rate of which lower is better, too."""

COUNT_NAMES = {
    "query": "queries", "query_identities": "identities of queries", "query_without_positive":
    "queries without a positive", "genuine": "genuine pairs", "impostor": "impostor pairs", "train": "train samples",
    "val": "val samples", "test": "test samples", "mated": "mated searches", "unmated": "unmated searches",
}  # fmt: skip

SYMBOLS = {"alpha": "\N{GREEK SMALL LETTER ALPHA}", "temperature": "T"}
"""Settings that are written as a symbol."""


def metric_name(name: str) -> str:
    """``top_1`` as ``top-1``, ``rank_1`` as ``Rank-1``."""
    if name.startswith("top_"):
        return name.replace("_", "-")
    if name.startswith("rank_"):
        return f"Rank-{name.removeprefix('rank_')}"
    for prefix, words in RATE_NAMES.items():
        if name.startswith(prefix):
            return words.format(float(name.removeprefix(prefix)))
    return METRIC_NAMES.get(name, name)


def lower_is_better(name: str) -> bool:
    """Whether a lower value of a metric is better."""
    return name in LOWER_IS_BETTER or name.startswith(ERROR_RATES)


def metric_axis(name: str) -> str:
    """A metric with its unit: ``top-1 (%)``, ``NLL``."""
    return metric_name(name) + ("" if name in NOT_PERCENT else " (%)")


def metric_number(name: str, value: float, *, sign: bool = False) -> str:
    """Write the value of a metric: a fraction as a percentage to one place, others (NLL, Brier) to three places.

    Args:
        name: name of the metric, which decides between the two.
        value: a fraction for percentages, not a percentage.
        sign: write a plus before positive numbers, as for differences.
    """
    digits = 3 if name in NOT_PERCENT else 1
    rounded = round(value if name in NOT_PERCENT else 100 * value, digits)
    plus = "+" if sign and rounded > 0 else ""
    return f"{plus}{rounded + 0.0:.{digits}f}"  # adding zero turns a negative zero into zero


def metric_words(name: str, metric: Metric, *, sign: bool = False) -> str:
    """Write a metric with its uncertainty: ``59.4 [58.6, 60.2] ±0.3 (seeds ±0.5)``.

    Value, 95 % interval, standard deviation over draws, standard deviation over the seeds of shots; those that the
    metric does not have are left out. ``sign`` writes the plus of differences.
    """
    words = [with_interval(name, metric.value, metric.ci95, sign=sign)]
    if metric.sd_draws is not None:
        words.append(f"±{metric_number(name, metric.sd_draws)}")
    if metric.sd_seeds is not None:
        words.append(f"(seeds ±{metric_number(name, metric.sd_seeds)})")
    return " ".join(words)


def with_interval(name: str, value: float, ci95: Sequence[float] | None, *, sign: bool = False) -> str:
    """Write a value and its 95 % interval; ``sign`` writes the plus of differences, as ``+1.2 [-0.3, +2.7]``."""
    words = metric_number(name, value, sign=sign)
    if ci95 is None:
        return words
    low, high = (metric_number(name, end, sign=sign) for end in ci95)
    return f"{words} [{low}, {high}]"


def count_words(count: float) -> str:
    """Write a count: ``15,614``; a mean of counts that is not whole to six digits: ``971.333``."""
    return f"{count:,.0f}" if count >= 100_000 or float(count).is_integer() else f"{count:,.6g}"


def count_name(key: str) -> str:
    """Write the name of a count of a result: ``queries`` for ``query``, ``classes tested``."""
    return COUNT_NAMES.get(key, key.replace("_", " "))


def p_value(value: float | None) -> str:
    """Write a p-value to four places, small ones as ``< 0.0001``; None gives an empty text."""
    if value is None:
        return ""
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def setting_words(setting: Mapping[str, str | int | float | None]) -> str:
    """Write a setting: ``bank delta, pool softmax, T 0.05``; options without a value are left out."""
    words = [f"{SYMBOLS.get(key, key)} {value_words(value)}" for key, value in setting.items() if value is not None]
    return ", ".join(words) or "as it is"


def value_words(value: str | float | None) -> str:
    """Write the value of a setting; a float has six digits, so that 0.1 + 0.2 is ``0.3``."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def headline(result: EvalResult) -> str:
    """Write the first metric of a result: ``top-1 59.4 [58.6, 60.2]``."""
    return next((f"{metric_name(name)} {metric_words(name, metric)}" for name, metric in result.metrics.items()), "")


def spaces_of(result: EvalResult) -> tuple[str, ...]:
    """The spaces of a result's arms, each once; the space of the result where it has no arms."""
    arms = [arm.space for arm in (result.arms or {}).values() if arm.space]
    return tuple(dict.fromkeys(arms)) or (result.provenance.space,)


def sample_count(result: EvalResult, role: str | None = None) -> str:
    """Write how many samples the metrics are computed on: ``15,614 test images`` or ``971 queries``.

    Args:
        result: the result.
        role: ``val`` or ``train`` for the count of those samples instead.
    """
    words = {"test": "test samples", "query": "queries", "genuine": "genuine pairs"}
    keys = words if role is None else {role: f"{role} samples"}
    return next((f"{count_words(result.n[key])} {word}" for key, word in keys.items() if key in result.n), "n unknown")


def gallery_count(result: EvalResult) -> str:
    """Write ``59 to 71 gallery samples in each of 4 parts``; an empty text for a result without parts.

    It tells results of one split set apart whose parts were made with different options.
    """
    sizes = [part.n["gallery"] for part in (result.parts or {}).values() if "gallery" in part.n]
    if not sizes:
        return ""
    in_every = "each of " if len(sizes) > 1 else ""
    return f"{_size_words(sizes)} gallery samples in {in_every}{counted(len(sizes), 'part')}"


def _size_words(sizes: Sequence[float]) -> str:
    """Write ``71``, or ``59 to 71`` where sizes differ."""
    return " to ".join(dict.fromkeys(map(count_words, (min(sizes), max(sizes)))))


def headline_method(result: EvalResult) -> str | None:
    """The method whose metrics are those of a result that has several side by side; else None."""
    methods = [name for name, arm in (result.arms or {}).items() if arm.metrics]
    return methods[0] if result.mode in {"fewshot", "conditional"} and methods else None


def protocol_name(protocol: str, departs_from: str | None) -> str:
    """Write a protocol: ``clipfh-11k``, or ``custom, from clipfh-11k`` where options depart from it."""
    return protocol if departs_from is None else f"{protocol}, from {departs_from}"


def protocol_words(result: EvalResult) -> str:
    """Write the protocol and the options of scoring: ``custom, from clipfh-11k · rerank=alpha-qe · ...``."""
    return " · ".join([protocol_name(result.protocol, result.departs_from), *scoring_words(result.config)])


def universe_words(result: EvalResult) -> str:
    """Write the label universe: ``169 classes, universe 1a2b3c4d``."""
    kind = "classes" if is_classification(result) else "identities"
    return f"{result.label_universe.n:,} {kind}, universe {result.label_universe.sha256[:8]}"


def origin(result: EvalResult, role: str | None = None) -> str:
    """Write where the numbers of a figure come from, for the line below its title.

    Args:
        result: the result.
        role: the role whose samples are counted, where the numbers are not those of test.
    """
    source = result.provenance
    draws = f"{len(result.draws)} draws" if len(result.draws) > 1 else "one draw"
    parts = [
        result.mode, protocol_words(result), f"space {' + '.join(spaces_of(result))}",
        f"split {source.split_sha256[:8]}", sample_count(result, role), universe_words(result),
        draws, f"seed {source.seed}",
    ]  # fmt: skip
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


def has_seeds(result: EvalResult) -> bool:
    """Whether metrics are means over seeds of shots; per-class metrics and curves are then those of the first seed."""
    return any(metric.sd_seeds is not None for metric in result.metrics.values())


def is_classification(result: EvalResult) -> bool:
    """Whether the result is of the task classification."""
    return result.task == "classification"


def task_name(result: EvalResult) -> str:
    """Name the task of a result: ``classification``, ``re-identification``, ``verification``."""
    return "re-identification" if result.task == "ranking" else result.task


def listed(names: Sequence[str], most: int = 4) -> str:
    """Join names: ``a``, ``a and b``, ``a, b and c``; of many the first ones and how many more."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def counted(count: int, one: str, many: str = "") -> str:
    """Write a count and its noun: ``1 class``, ``2 classes``; the plural is ``one`` with an s unless given."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
