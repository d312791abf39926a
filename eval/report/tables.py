"""The tables of a report, made from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eval.report.chance import chance_levels, common_chance_levels
from eval.report.differing import option_words
from eval.report.document import TableBlock
from eval.report.figures.classes import worst_classes
from eval.report.figures.sweeps import best_point, metrics_of
from eval.views.wording import (
    NOT_PERCENT,
    count_words,
    headline_method,
    lower_is_better,
    metric_name,
    metric_number,
    metric_words,
    p_value,
    protocol_words,
    setting_words,
    spaces_of,
    with_interval,
)

if TYPE_CHECKING:
    from eval.report.groups import Group, LabelledResult
    from eval.report.leads import Lead
    from eval.results.assets import Prediction
    from eval.results.schema import EvalResult, Metric, Part, Slice, SweepPoint

MOST_SETTINGS, MOST_PAIRS, MOST_MISTAKES = 12, 20, 15


def comparison_table(group: Group, leads: Sequence[Lead]) -> TableBlock:
    """One row per result and arm of a group and one of chance, the best first; one column per metric.

    The headline metric stands first and beside it how far each result is behind the best.
    """
    metrics = sorted(group.metrics(), key=lambda name: name != group.headline)
    behind = {lead.label: _behind(group.headline, lead) for lead in leads}
    options = dict(zip(
        (labelled.label for labelled in group.results), option_words([labelled.result for labelled in group.results]),
        strict=True,
    ))  # fmt: skip
    rows, details = [], []
    for row in group.rows():
        first, *others = _cells(row.metrics, metrics)
        rows.append((row.label, first, *([behind.get(row.of, "") if row.whole else ""] if leads else []), *others))
        source = (row.result.mode, protocol_words(row.result), " + ".join(spaces_of(row.result)), options[row.of])
        details.append(" · ".join(dict.fromkeys(filter(None, source))) if row.whole else "")
    chance = common_chance_levels([labelled.result for labelled in group.results])
    if chance:
        first, *others = (metric_number(name, chance[name]) if name in chance else "" for name in metrics)
        rows.append(("guessing", first, *([""] if leads else []), *others))
        details.append("")
    heads = _heads(metrics)
    some = any(name not in chance for labelled in group.results for name in chance_levels(labelled.result))
    differs = " Guessing has no number where it is not the same for all results." if chance and some else ""
    columns = ("result", heads[0], *(["to the best"] if leads else []), *heads[1:])
    how = " To the best: the difference of the first metric, paired where it has an interval." if leads else ""
    best = 0 if leads and len(group.tied) == 1 else None
    return TableBlock(group.title, columns, tuple(rows), 1, _note(metrics) + how + differs, tuple(details), best, 3)


def provenance_table(results: Sequence[LabelledResult]) -> TableBlock:
    """One column per result, with everything that says where its numbers come from."""
    facts: list[dict[str, str]] = []
    for _, path, result in results:
        source = result.provenance
        fingerprints = " + ".join(words[:16] for words in source.space_fingerprint.split(" + "))
        facts.append({
            "file": path.name, "mode": result.mode, "protocol": protocol_words(result),
            "space": " + ".join(spaces_of(result)), "its fingerprint": fingerprints,
            "store version": str(source.store_version), "split set": source.split_set,
            "its SHA-256": source.split_sha256[:16], "classes or identities": f"{result.label_universe.n:,}",
            "their SHA-256": result.label_universe.sha256[:16], "draws": f"{len(result.draws):,}",
            "seed": str(source.seed), "Vitrine": source.vitrine, "made": result.created,
        })  # fmt: skip
    rows = tuple((name, *(of_result[name] for of_result in facts)) for name in facts[0])
    note = "Each file has all of it, and the request from which `vitrine eval --from FILE` makes the result again."
    return TableBlock("Origin of each result", ("", *(label for label, _, _ in results)), rows, 1 + len(results), note)


def sections_table(title: str, column: str, sections: Mapping[str, Part] | Mapping[str, Slice]) -> TableBlock:
    """One row per part (aspect) or slice, one column per metric."""
    metrics = list(dict.fromkeys(name for section in sections.values() for name in section.metrics))
    rows = tuple((name, *_cells(section.metrics, metrics)) for name, section in sections.items())
    return TableBlock(title, (column, *_heads(metrics)), rows, 1, _note(metrics), narrow=2)


def sweep_table(points: Sequence[SweepPoint], title: str) -> TableBlock:
    """The best settings by the first metric, best first, then the chosen ones that are not among them."""
    names = [name for name in points[0].metrics if all(name in point.metrics for point in points)]
    by = metrics_of(points)[0]
    left = list(points)
    best: list[SweepPoint] = []
    while left and len(best) < MOST_SETTINGS:
        best.append(best_point(left, by))
        left.remove(best[-1])
    shown = [*best, *(point for point in left if point.chosen)]
    rows = tuple(
        (setting_words(point.settings), f"{100 * point.chosen:.0f} %" if point.chosen else "", *_point(point, names))
        for point in shown
    )
    some = f"The best {len(best)} of {len(points)} settings by {metric_name(by)}. " if left else ""
    return TableBlock(
        title,
        ("setting", "chosen in", *_heads(names)),
        rows,
        1,
        some + _note(names, intervals=any(point.ci95_of for point in points)),
        narrow=3,
    )


def gains_table(result: EvalResult) -> TableBlock:
    """One row per arm and metric: the whole less the arm, with its interval and p-value."""
    rows = [
        (name, metric_name(metric), with_interval(metric, gain.value, gain.ci95, sign=True), p_value(gain.p_value))
        for name, arm in (result.arms or {}).items()
        for metric, gain in (arm.gains or {}).items()
    ]
    first = headline_method(result)
    title, of = ("Gain over each arm", "arm") if first is None else (f"Gain of {first} over each method", "method")
    less = "The whole less the arm" if first is None else f"{first} less the method"
    note = f"{less}, in percentage points; [95 %] and p by exchanging the two answers."
    return TableBlock(title, (of, "metric", "gain", "p"), tuple(rows), 2, note)


def arms_table(result: EvalResult) -> TableBlock:
    """One row per arm: space, scorer, bank, setting of the first draw, and calibration."""
    rows = []
    for name, arm in (result.arms or {}).items():
        setting = setting_words(arm.chosen.settings[0]) if arm.chosen and arm.chosen.settings else ""
        fit = arm.calibration
        calibration = ("", "", "") if fit is None else (
            f"{fit.temperature:.4g}", f"{fit.nll_before:.3f} to {fit.nll_after:.3f}",
            f"{100 * fit.ece_before:.1f} to {100 * fit.ece_after:.1f}",
        )  # fmt: skip
        rows.append((name, arm.space, arm.scorer, arm.bank or "", setting, *calibration))
    columns = ("arm", "space", "scorer", "bank", "setting", "temperature", "NLL on val", "ECE on val (%)")
    return TableBlock("Arms", columns, tuple(rows), 5)


def retrieval_table(retrieval: Mapping[str, float]) -> TableBlock:
    """One row per metric of prompts as queries for images; values above 1 are counts."""
    rows = tuple(
        (name, count_words(value) if value > 1 else f"{100 * value:.1f} %") for name, value in retrieval.items()
    )
    return TableBlock("Prompts as queries for images", ("measure", "value"), rows)


def worst_table(result: EvalResult) -> TableBlock:
    """One row per class of the figure of the worst classes."""
    rows = []
    for name, metrics in worst_classes(result):
        fractions = (f"{100 * value:.1f}" for value in (metrics.recall, metrics.precision, metrics.f1))
        rows.append((name, f"{metrics.support:,}", f"{metrics.predicted:,}", *fractions))
    columns = ("class", "samples", "answers", "recall", "precision", "F1")
    return TableBlock("Worst classes", columns, tuple(rows), 1, "Percent; counts are summed over draws.")


def confused_table(result: EvalResult) -> TableBlock:
    """The most frequent wrong pairs of class and answer, with their share of the class."""
    per_class = result.per_class or {}
    rows = []
    for pair in (result.confusion or ())[:MOST_PAIRS]:
        support = per_class[pair.label].support if pair.label in per_class else 0
        share = f"{100 * pair.count / support:.1f} %" if support else ""
        rows.append((pair.label, pair.predicted, f"{pair.count:,}", share))
    return TableBlock("Most confused pairs", ("truth", "answer", "times", "of the class"), tuple(rows), 2)


def mistakes_table(mistakes: Sequence[Prediction]) -> TableBlock:
    """One row per wrong prediction; the caller gives those of the highest probability."""
    rows = tuple((row.uri, row.label, row.predicted, f"{100 * row.probability:.1f}", f"{row.rank}") for row in mistakes)
    columns = ("image", "truth", "answer", "probability (%)", "rank of the truth")
    return TableBlock("Most confident mistakes", columns, rows, 3)


def _behind(metric: str, lead: Lead) -> str:
    """The other result less the best: ``-3.2 [-7.5, +1.1]``."""
    ends = None if lead.ci95 is None else (-lead.ci95[1], -lead.ci95[0])
    return with_interval(metric, -lead.value, ends, sign=True)


def _heads(metrics: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{metric_name(name)} ↓" if lower_is_better(name) else metric_name(name) for name in metrics)


def _cells(metrics: Mapping[str, Metric], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(metric_words(name, metrics[name]) if name in metrics else "" for name in names)


def _point(point: SweepPoint, names: Sequence[str]) -> tuple[str, ...]:
    cells = []
    for name in names:
        spread = (point.sd_seeds_of or {}).get(name)
        words = with_interval(name, point.metrics[name], (point.ci95_of or {}).get(name))
        cells.append(words if spread is None else f"{words} (seeds ±{metric_number(name, spread)})")
    return tuple(cells)


def _note(metrics: Sequence[str], *, intervals: bool = True) -> str:
    plain = [metric_name(name) for name in metrics if name in NOT_PERCENT]
    words = ["Percent [95 % interval]" if intervals else "Percent"]
    if plain:
        words.append(f"{' and '.join(plain)} {'is no percentage' if len(plain) == 1 else 'are no percentages'}")
    return "; ".join(words) + ("; ↓: lower is better." if any(lower_is_better(name) for name in metrics) else ".")
