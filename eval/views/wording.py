"""Names and numbers as reports write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eval.ranking.rescoring import scoring_words

if TYPE_CHECKING:
    from eval.results.schema import EvalResult, Metric

NAMES = {
    "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1", "macro_jaccard": "macro-Jaccard (mIoU)",
    "nll": "NLL", "brier": "Brier", "ece": "ECE", "mean_ap": "mAP", "mean_inp": "mINP", "eer": "EER", "auc": "AUC",
}  # fmt: skip

PLAIN = frozenset({"nll", "brier"})
"""Metrics that are no fractions, so not percentages."""

LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "eer"})

SETTINGS = {"alpha": "\N{GREEK SMALL LETTER ALPHA}", "temperature": "T"}
"""Settings that are known by a letter."""


def metric_name(name: str) -> str:
    """``top_1`` as ``top-1``, ``rank_1`` as ``Rank-1``."""
    if name.startswith("top_"):
        return name.replace("_", "-")
    if name.startswith("rank_"):
        return f"Rank-{name.removeprefix('rank_')}"
    return NAMES.get(name, name)


def metric_axis(name: str) -> str:
    """A metric with its unit: ``top-1 (%)``, ``NLL``."""
    return metric_name(name) + ("" if name in PLAIN else " (%)")


def number(name: str, value: float) -> str:
    """A fraction as a percentage to one place, another metric to three places."""
    shown = round(value, 3) if name in PLAIN else round(100 * value, 1)
    return f"{shown + 0.0:.{3 if name in PLAIN else 1}f}"  # adding zero takes the sign from a zero


def figure_of(name: str, metric: Metric) -> str:
    """``59.4 [58.6, 60.2] ±0.3``: value, 95 % interval, standard deviation over draws; what there is of them.

    A deviation over the seeds of shots says so: ``(seeds ±0.5)``.
    """
    words = [with_interval(name, metric.value, metric.ci95)]
    if metric.sd_draws is not None:
        words.append(f"±{number(name, metric.sd_draws)}")
    if metric.sd_seeds is not None:
        words.append(f"(seeds ±{number(name, metric.sd_seeds)})")
    return " ".join(words)


def with_interval(name: str, value: float, ci95: Sequence[float] | None, *, sign: bool = False) -> str:
    """A value and its 95 % interval; ``sign`` writes the plus of differences."""
    plus = "+" if sign and value > 0 else ""
    ends = "" if ci95 is None else f" [{number(name, ci95[0])}, {number(name, ci95[1])}]"
    return f"{plus}{number(name, value)}{ends}"


def p_value(value: float | None) -> str:
    """A p-value to four places; none is written as zero."""
    if value is None:
        return ""
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def setting_words(setting: Mapping[str, str | int | float | None]) -> str:
    """``bank delta, pool softmax, T 0.05``; what does not apply is left out."""
    words = [f"{SETTINGS.get(key, key)} {value_words(value)}" for key, value in setting.items() if value is not None]
    return ", ".join(words) or "as it is"


def value_words(value: str | float | None) -> str:
    """A setting's value, without the noise of binary fractions."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def headline(result: EvalResult) -> str:
    """The first metric with its interval, as ``top-1 59.4 [58.6, 60.2]``."""
    return next((f"{metric_name(name)} {figure_of(name, metric)}" for name, metric in result.metrics.items()), "")


def spaces_of(result: EvalResult) -> tuple[str, ...]:
    """The spaces that a result's arms have, or its one space."""
    arms = [arm.space for arm in (result.arms or {}).values() if arm.space]
    return tuple(dict.fromkeys(arms)) or (result.provenance.space,)


def sample_count(result: EvalResult, role: str | None = None) -> str:
    """How many samples the figures are over: ``15,614 test images`` or ``971 queries``.

    ``role`` asks for the samples of val or train instead.
    """
    words = {"test": "test images", "query": "queries", "genuine": "genuine pairs"}
    keys = words if role is None else {role: f"{role} images"}
    return next((f"{result.n[key]:,.10g} {word}" for key, word in keys.items() if key in result.n), "n unknown")


def gallery_count(result: EvalResult) -> str:
    """``249 gallery images in 4 parts``, which tells apart what one split set can be made into; else nothing."""
    if not result.parts or "gallery" not in result.n:
        return ""
    return f"{result.n['gallery']:,.10g} gallery images in {counted(len(result.parts), 'part')}"


def protocol_name(protocol: str, departs_from: str | None) -> str:
    """``clipfh-11k``, or ``custom, from clipfh-11k`` where options depart from it."""
    return protocol if departs_from is None else f"{protocol}, from {departs_from}"


def protocol_words(result: EvalResult) -> str:
    """The protocol, and how scores were made: ``custom, from clipfh-11k · rerank=alpha-qe · ...``."""
    return " · ".join([protocol_name(result.protocol, result.departs_from), *scoring_words(result.config)])


def universe_of(result: EvalResult) -> str:
    """``169 classes, universe 1a2b3c4d``."""
    kind = "classes" if is_classification(result) else "identities"
    return f"{result.label_universe.n:,} {kind}, universe {result.label_universe.sha256[:8]}"


def origin(result: EvalResult, role: str | None = None) -> str:
    """Where a figure's numbers come from, for the line below its title; ``role`` where they are not of test."""
    source = result.provenance
    draws = f"{len(result.draws)} draws" if len(result.draws) > 1 else "one draw"
    parts = [
        result.mode, protocol_words(result), f"space {' + '.join(spaces_of(result))}",
        f"split {source.split_sha256[:8]}", sample_count(result, role), universe_of(result),
        draws, f"seed {source.seed}",
    ]  # fmt: skip
    return " · ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)


def has_seeds(result: EvalResult) -> bool:
    """Whether the metrics are means over seeds of shots; figures of classes and curves are of the first seed then."""
    return any(metric.sd_seeds is not None for metric in result.metrics.values())


def is_classification(result: EvalResult) -> bool:
    """Whether the metrics are those of classification."""
    return result.task == "classification"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 class``, ``2 classes``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
