"""What may mislead a reader of a report: ties, few samples, warnings of results, what was chosen where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eval.report.document import Paragraph
from eval.report.groups import separation_warnings
from eval.statistics.slices import FEW_IDENTITIES
from eval.views.wording import count_words, listed, protocol_name, task_name

if TYPE_CHECKING:
    from eval.report.groups import Group, LabelledResult
    from eval.report.leads import Lead

FEW_SAMPLES, FEW_UNITS = 100, 50
"""Test images, and identities, of which a report says that they are few."""


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
        yield Paragraph(f"{best} is not clearly better than {listed(close)}: the order of these may be chance.")
    apart = [lead.label for lead in leads if not lead.paired and not lead.reason]
    if apart:
        yield Paragraph(
            f"{best} is not paired with {listed(apart)}: intervals that overlap say neither that two results are "
            "alike nor that they differ; `vitrine report --store STORE` pairs them."
        )
    yield from (Paragraph(f"{best} cannot be paired with {lead.label}. {lead.reason}") for lead in leads if lead.reason)


def _of_size(groups: Sequence[Group]) -> Iterator[Paragraph]:
    for group in groups:
        result = group.results[0].result
        tested = result.n.get("test", FEW_SAMPLES)
        if result.task == "classification" and tested < FEW_SAMPLES:
            yield Paragraph(
                f"There are only {count_words(tested)} test samples: one of them is {100 / tested:.1f} points."
            )
    few = {
        task_name(group.results[0].result): group.results[0].result.label_universe.n
        for group in groups
        if group.results[0].result.task != "classification"
    }
    small = [f"{name} ({count})" for name, count in few.items() if FEW_IDENTITIES <= count < FEW_UNITS]
    if small:  # of fewer identities a ranking itself warns
        yield Paragraph(f"Identities are few in {listed(small)}: with others the numbers may be quite different.")


def _of_results(results: Sequence[LabelledResult]) -> Iterator[Paragraph]:
    """The warnings of results, each once with the labels of its results; then departures from a protocol."""
    labels: dict[str, list[str]] = {}
    for label, _, result in results:
        for words in dict.fromkeys(result.warnings):  # several arms may give one warning
            labels.setdefault(words, []).append(label)
    for words, of in labels.items():
        name = "All results" if len(of) == len(results) > 1 else listed(of)
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
        yield f"Settings of {listed(chosen)} were chosen on {' and '.join(sorted(filter(None, roles)))}, none on test."
    side = [label for label, _, r in results if len([p for p in r.sweep or () if p.role == "test"]) > 1]
    if side:
        show = "shows" if len(side) == 1 else "show"
        yield (
            f"{listed(side)} {show} several settings on test side by side: the metrics are of the one that was named "
            "beforehand; the best of the others was not chosen fairly."
        )
    most = max(len(group.results) for group in groups)
    if most > 1:
        yield (
            f"To call the best of {most} results the best is itself a choice on test: expect a little less of it on "
            "new data."
        )
