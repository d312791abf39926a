"""The summary of a report: what was measured, which result is best, what it beats, and what to be careful about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eval.report.cautions import cautions
from eval.report.chance import chance_levels, most_frequent_share
from eval.report.document import Block, ListBlock, Paragraph
from eval.views.wording import (
    NOT_PERCENT,
    count_words,
    counted,
    listed,
    lower_is_better,
    metric_name,
    metric_number,
    p_value,
    task_name,
    with_interval,
)

if TYPE_CHECKING:
    from eval.report.groups import Group
    from eval.report.leads import Lead


def summary_blocks(groups: Sequence[Group], leads: Sequence[Sequence[Lead]]) -> Iterator[Block]:
    """Sentences for each group, then a list of what to be careful about.

    Args:
        groups: groups of results, best first.
        leads: the leads of each group's best result.
    """
    for group, of_group in zip(groups, leads, strict=True):
        yield Paragraph(" ".join((data_sentence(group), best_sentence(group), *lead_sentences(group, of_group))))
    yield ListBlock("What to be careful about:", tuple(cautions(groups, leads)))


def data_sentence(group: Group) -> str:
    """Say what the results of a group were measured on, and where settings were chosen."""
    result = group.results[0].result
    n = {name: count_words(count) for name, count in result.n.items()}
    if result.task == "classification":
        learned = {labelled.result.n.get("train") for labelled in group.results}
        train = f", learned from {n['train']} train samples" if len(learned) == 1 and result.n.get("train") else ""
        what = f"{n.get('test', '?')} test samples of {counted(result.label_universe.n, 'class', 'classes')}{train}"
    elif result.task == "ranking":
        what = f"{n.get('query', '?')} queries against {n.get('gallery', '?')} gallery samples"
    else:
        what = f"{n.get('genuine', '?')} genuine and {n.get('impostor', '?')} impostor pairs"
    if result.task != "classification":
        what += f" of {counted(result.label_universe.n, 'identity', 'identities')}"
        what += f", in {len(result.parts)} parts ({', '.join(result.parts)})" if result.parts else ""
    draws = f", mean of {len(result.draws)} random draws" if len(result.draws) > 1 else ""
    return f"{task_name(result).capitalize()}: {what}{draws}."


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
    if first.value == 0:
        ahead = f"{first.label} has the same {metric_name(metric)} as {best}"
    if first.paired:
        verdict = "a clear difference" if first.is_clear else "which may be chance"
        p = "" if first.p_value is None else f", {_p_words(first.p_value)}"
        over = "over the same test samples" if group.results[0].result.task == "classification" else "query by query"
        yield f"{ahead} (paired {over}{p}), {verdict}."
    else:
        yield f"{ahead}; the two are not paired here, so this does not say how sure it is."
    for clear, verb in ((True, "It is clearly ahead of"), (False, "It is not clearly ahead of")):
        names = [
            f"{lead.label} ({_distance(metric, lead)})" for lead in others if lead.paired and lead.is_clear == clear
        ]
        if names:
            yield f"{verb} {listed(names)}."
    yield from _over_arms(group)


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
        yield f"Beside its arms alone (paired), {label} has {listed(words)}."


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
