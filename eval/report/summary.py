"""The summary of a report: what was measured, which result is best, what it beats, and what to be careful about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eval.report.chance import chance_levels, most_frequent_share
from eval.report.document import Block, ListBlock, Paragraph
from eval.report.groups import separation_warnings
from eval.statistics.slices import FEW_IDENTITIES
from eval.views.wording import (
    NOT_PERCENT,
    count_words,
    counted,
    lower_is_better,
    metric_name,
    metric_number,
    p_value,
    protocol_name,
    with_interval,
)

if TYPE_CHECKING:
    from eval.report.groups import Group, LabelledResult
    from eval.report.leads import Lead

TASKS = {"classification": "Classification", "ranking": "Re-identification", "verification": "Verification"}
FEW_SAMPLES, FEW_UNITS = 100, 50
MOST_NAMED = 4


def summary_blocks(groups: Sequence[Group], leads: Sequence[Sequence[Lead]]) -> Iterator[Block]:
    """Sentences for each group, then a list of what to be careful about.

    Args:
        groups: groups of results, best first.
        leads: the leads of each group's best result.
    """
    for group, of_group in zip(groups, leads, strict=True):
        yield Paragraph(" ".join((data_sentence(group), best_sentence(group), *lead_sentences(group, of_group))))
    yield ListBlock("What to be careful about:", tuple(cautions(groups, leads)))


def group_name(group: Group) -> str:
    """Name a group by its task."""
    return TASKS[group.results[0].result.task].lower()


def data_sentence(group: Group) -> str:
    """Say what the results of a group were measured on, and where settings were chosen."""
    result = group.results[0].result
    n = {name: count_words(count) for name, count in result.n.items()}
    if result.task == "classification":
        learned = {labelled.result.n.get("train") for labelled in group.results}
        train = f", learned from {n['train']} train images" if len(learned) == 1 and result.n.get("train") else ""
        what = f"{n.get('test', '?')} test images of {counted(result.label_universe.n, 'class', 'classes')}{train}"
    elif result.task == "ranking":
        what = f"{n.get('query', '?')} queries against {n.get('gallery', '?')} gallery images"
    else:
        what = f"{n.get('genuine', '?')} genuine and {n.get('impostor', '?')} impostor pairs"
    if result.task != "classification":
        what += f" of {counted(result.label_universe.n, 'identity', 'identities')}"
        what += f", in {len(result.parts)} parts ({', '.join(result.parts)})" if result.parts else ""
    draws = f", mean of {len(result.draws)} random draws" if len(result.draws) > 1 else ""
    return f"{TASKS[result.task]}: {what}{draws}."


def best_sentence(group: Group) -> str:
    """Say which result is best by the headline metric, with its interval and the chance level."""
    (label, _, result), metric = group.results[0], group.headline
    best = result.metrics[metric]
    number = with_interval(metric, best.value, best.ci95) + ("" if metric in NOT_PERCENT else " %")
    who = f"The best of {len(group.results)} results is {label} with" if len(group.results) > 1 else f"{label} reaches"
    words = f"{who} {metric_name(metric)} {number}" + (" (95 % interval in brackets)" if best.ci95 else "")
    chance = chance_levels(result).get(metric)
    if chance is None:
        return f"{words}."
    words += f"; guessing gives {_value(metric, chance)}"
    share = most_frequent_share(result) if metric == "top_1" else None
    if share is not None and share > 1.5 * chance:
        words += f", always answering the most frequent class {_value(metric, share)}"
    return f"{words}."


def lead_sentences(group: Group, leads: Sequence[Lead]) -> Iterator[str]:
    """Say how far the best result is ahead of the next, and which of the others it clearly beats."""
    if not leads:
        yield from _over_arms(group)
        return
    metric, best = group.headline, group.results[0].label
    first, *others = leads
    ahead = f"{best} is {_distance(metric, first)} ahead of the next, {first.label}"
    if first.paired:
        verdict = "a clear difference" if first.is_clear else "which may be chance"
        p = "" if first.p_value is None else f", {_p_words(first.p_value)}"
        yield f"{ahead} (paired over the same test images{p}), {verdict}."
    else:
        yield f"{ahead}; the two are not paired here, so this says not how sure it is (`vitrine compare` does)."
    for clear, verb in ((True, "It is clearly ahead of"), (False, "It is not clearly ahead of")):
        names = [
            f"{lead.label} ({_distance(metric, lead)})" for lead in others if lead.paired and lead.is_clear == clear
        ]
        if names:
            yield f"{verb} {_listed(names)}."
    yield from _over_arms(group)


def cautions(groups: Sequence[Group], leads: Sequence[Sequence[Lead]]) -> Iterator[Paragraph]:
    """What may mislead a reader of the numbers, the worst first; warnings of results come with the results' names."""
    yield from (Paragraph(words, warning=True) for words in separation_warnings(groups))
    for group, of_group in zip(groups, leads, strict=True):
        yield from (Paragraph(words, warning=True) for words in group.warnings())
        yield from _of_ties(group, of_group)
    yield from _of_size(groups)
    yield from _of_results([labelled for group in groups for labelled in group.results])
    yield from map(Paragraph, _of_choice(groups))
    yield Paragraph(
        "An evaluation does not look for near-duplicates or for one identity under two names; `vitrine audit` does."
    )


def _of_ties(group: Group, leads: Sequence[Lead]) -> Iterator[Paragraph]:
    best = group.results[0].label
    close = [lead.label for lead in leads if lead.paired and not lead.is_clear]
    if close:
        yield Paragraph(f"{best} is not clearly better than {_listed(close)}: the order of these may be chance.")
    apart = [lead.label for lead in leads if not lead.paired]
    if apart:
        yield Paragraph(
            f"{best} is not paired with {_listed(apart)}: intervals that overlap say neither that two results are "
            "alike nor that they differ; `vitrine compare` pairs them from the store."
        )


def _of_size(groups: Sequence[Group]) -> Iterator[Paragraph]:
    for group in groups:
        result = group.results[0].result
        tested = result.n.get("test", FEW_SAMPLES)
        if result.task == "classification" and tested < FEW_SAMPLES:
            yield Paragraph(
                f"There are only {count_words(tested)} test images: one of them is {100 / tested:.1f} points."
            )
    few = {
        group_name(group): group.results[0].result.label_universe.n
        for group in groups
        if group.results[0].result.task != "classification"
    }
    small = [f"{name} ({count})" for name, count in few.items() if FEW_IDENTITIES <= count < FEW_UNITS]
    if small:  # of fewer identities a ranking itself warns
        yield Paragraph(f"Identities are few in {_listed(small)}: with others the numbers may be quite different.")


def _of_results(results: Sequence[LabelledResult]) -> Iterator[Paragraph]:
    """The warnings of results, each once with the labels of its results; then departures from a protocol."""
    labels: dict[str, list[str]] = {}
    for label, _, result in results:
        for words in result.warnings:
            labels.setdefault(words, []).append(label)
    for words, of in labels.items():
        name = "All results" if len(of) == len(results) > 1 else _listed(of)
        yield Paragraph(f"{name}: {words}", warning=True)
    for label, _, result in results:
        if result.departs_from is not None:
            protocol = protocol_name(result.protocol, result.departs_from)
            yield Paragraph(
                f"{label} has options that depart from {result.departs_from} (protocol: {protocol}); numbers published "
                "for that protocol are of another measurement."
            )


def _of_choice(groups: Sequence[Group]) -> Iterator[str]:
    results = [labelled for group in groups for labelled in group.results]
    chosen = [label for label, _, result in results if result.chosen is not None and result.chosen.on is not None]
    roles = {result.chosen.on for _, _, result in results if result.chosen is not None} - {None}
    if chosen:
        yield f"Settings of {_listed(chosen)} were chosen on {' and '.join(sorted(filter(None, roles)))}, none on test."
    side = [label for label, _, r in results if len([p for p in r.sweep or () if p.role == "test"]) > 1]
    if side:
        yield (
            f"{_listed(side)} shows several settings on test side by side: the metrics are of the one that was named "
            "beforehand; the best of the others was not chosen fairly."
        )
    most = max(len(group.results) for group in groups)
    if most > 1:
        yield (
            f"To call the best of {most} results the best is itself a choice on test: expect a little less of it on "
            "new data."
        )


def _over_arms(group: Group) -> Iterator[str]:
    """Say what the best result, where it is a fusion, gains over each of its arms."""
    (label, _, result), metric = group.results[0], group.headline
    gains = {name: arm.gains[metric] for name, arm in (result.arms or {}).items() if arm.gains and metric in arm.gains}
    if gains and len(result.arms or {}) > 1:
        unit = "" if metric in NOT_PERCENT else " points"
        words = [
            f"{with_interval(metric, gain.value, gain.ci95, sign=True)}{unit} over {name}"
            for name, gain in gains.items()
        ]
        yield f"Beside its arms alone (paired), {label} has {_listed(words)}."


def _distance(metric: str, lead: Lead) -> str:
    """How far the best is ahead, larger is further: ``3.2 points [-1.1, 7.5]``."""
    sign = -1 if lower_is_better(metric) else 1
    ends = None if lead.ci95 is None else sorted(sign * end for end in lead.ci95)
    number, *interval = with_interval(metric, sign * lead.value, ends).split(" ", 1)
    return " ".join([number + ("" if metric in NOT_PERCENT else " points"), *interval])


def _p_words(p: float) -> str:
    return f"p {p_value(p)}" if p < 0.0001 else f"p = {p_value(p)}"


def _value(metric: str, value: float) -> str:
    return metric_number(metric, value) + ("" if metric in NOT_PERCENT else " %")


def _listed(names: Sequence[str]) -> str:
    """Join names: ``a``, ``a and b``, ``a, b and c``; of many the first ones and how many more."""
    shown = list(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        shown.append(f"{len(names) - MOST_NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
