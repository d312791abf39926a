"""The summary of a report: what was measured, which result is best, what it beats, and what to be careful about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eval.registry import SCORERS, load_scorer
from eval.report.cautions import cautions
from eval.report.chance import chance_levels, most_frequent_share
from eval.report.document import Block, ListBlock, Paragraph
from eval.results.differences import SAME_VALUE
from eval.views.wording import (
    NOT_PERCENT,
    count_words,
    counted,
    gallery_count,
    headline_method,
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
    from eval.results.schema import EvalResult

MOST_METHODS = 4
"""Results of a group of which the summary tells the methods of few shots."""


def summary_blocks(groups: Sequence[Group], leads: Sequence[Sequence[Lead]]) -> Iterator[Block]:
    """Sentences for each group, then a list of what to be careful about.

    Args:
        groups: groups of results, best first.
        leads: the leads of each group's best result.
    """
    for group, of_group in zip(groups, leads, strict=True):
        sentences = (data_sentence(group), best_sentence(group), *lead_sentences(group, of_group))
        yield Paragraph(" ".join((*sentences, *method_sentences(group))))
    yield ListBlock("What to be careful about:", tuple(cautions(groups, leads)))


def data_sentence(group: Group) -> str:
    """Say what the results of a group were measured on, and where settings were chosen."""
    result = group.results[0].result
    n = {name: count_words(count) for name, count in result.n.items()}
    if result.task == "classification":
        learned = {_learned(labelled.result) for labelled in group.results}
        train = f", learned from {n['train']} train samples" if len(learned) == 1 and None not in learned else ""
        what = f"{n.get('test', '?')} test samples of {counted(result.label_universe.n, 'class', 'classes')}{train}"
    elif result.task == "ranking":
        gallery = gallery_count(result).partition(" in ")[0]  # the gallery of a query is that of its part
        gallery = f"the {gallery} of their part," if gallery else f"{n.get('gallery', '?')} gallery samples"
        what = f"{n.get('query', '?')} queries against {gallery}"
    else:
        what = f"{n.get('genuine', '?')} genuine and {n.get('impostor', '?')} impostor pairs"
    if result.task != "classification":
        what += f" of {counted(result.label_universe.n, 'identity', 'identities')}"
        what += f", in {counted(len(result.parts), 'part')} ({', '.join(result.parts)})" if result.parts else ""
    draws = f", mean of {len(result.draws)} random draws" if len(result.draws) > 1 else ""
    return f"{task_name(result).capitalize()}: {what}{draws}."


def best_sentence(group: Group) -> str:
    """Say which result is best by the headline metric, with its interval and the chance level."""
    (label, _, result), metric = group.results[0], group.headline
    best = result.metrics[metric]
    interval = best.ci95 if all(one.result.metrics[metric].ci95 == best.ci95 for one in group.tied) else None
    number = with_interval(metric, best.value, interval) + ("" if metric in NOT_PERCENT else " %")
    who = f"The best of {len(group.results)} results is {label} with" if len(group.results) > 1 else f"{label} reaches"
    if len(group.tied) > 1:
        names = listed([one.label for one in group.tied])
        who = f"The best of {len(group.results)} results are {names}, which have the same"
    words = f"{who} {metric_name(metric)} {number}" + (" (95 % interval in brackets)" if interval else "")
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
    is_tied = abs(first.value) <= SAME_VALUE
    if is_tied:
        ahead = f"{first.label} has the same {metric_name(metric)} as {best}"
    if first.paired:
        verdict = ", a clear difference" if first.is_clear else ", which may be chance"
        p = "" if first.p_value is None else f", {_p_words(first.p_value)}"
        over = "over the same test samples" if group.results[0].result.task == "classification" else "query by query"
        yield f"{ahead} (paired {over}{p}){'' if is_tied else verdict}."
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
        method = headline_method(result)
        who = f"Beside its arms alone (paired), {label}"
        if method is not None:
            who = f"Beside the other methods (paired), {method} of {label}"
        yield f"{who} has {listed(words)}."


def method_sentences(group: Group) -> Iterator[str]:
    """Say of results of few shots which method their metrics are of, and which of the methods is best on test."""
    metric = group.headline
    results = [(label, result) for label, _, result in group.results if headline_method(result) is not None]
    for label, result in results[:MOST_METHODS]:
        first, arms = str(headline_method(result)), result.arms or {}
        values = {
            name: arm.metrics[metric].value for name, arm in arms.items() if arm.metrics and metric in arm.metrics
        }
        if first not in values or len(values) == 1:
            continue
        pick = min if lower_is_better(metric) else max
        best = pick(values, key=values.__getitem__)
        which = f"and the best is {best} with {metric_name(metric)} {_value(metric, values[best])}, chosen on test"
        if abs(values[best] - values[first]) <= SAME_VALUE:
            which = "than which none of the others is better"
        names = listed(list(values))
        yield f"{label} has the methods {names} side by side: its headline is the first, {first}, {which}."


def _learned(result: EvalResult) -> float | None:
    """Number of train samples that a classification learned from; None where it used none, or a few shots of them."""
    scorers = {arm.scorer for arm in (result.arms or {}).values()} or {result.mode}
    learns = any(load_scorer(name).learns for name in scorers if name in SCORERS)
    return (result.n.get("train") or None) if learns and not result.config.get("shots") else None


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
