"""Print the findings and differences of prompt sets: lines and tables for a terminal, dictionaries for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from eval.prompts.check import Coverage, name_list, plural, warnings
from eval.prompts.diff import PromptSetDifference
from eval.prompts.lint import LintReport, SuspectText
from eval.prompts.tokens import CONTEXT
from retrieval.fitted_table import FittedTable

SHOWN = 3
"""Texts shown of each finding."""


def lint_lines(report: LintReport, cover: Coverage | None) -> Iterator[str]:
    """A line of counts, then a line per check (``check`` or ``ok``) with a few indented examples."""
    yield (
        f"{report.name}: {plural(report.rows, 'prompt', 'prompts')} of {plural(report.classes, 'class', 'classes')} "
        f"({report.fewest} to {report.most} each), {plural(report.texts, 'unique text', 'unique texts')}"
    )
    if cover is None:
        if report.shared:
            uses = sum(map(len, report.shared.values()))
            yield f"check  {plural(len(report.shared), 'text', 'texts')} shared by several classes, {uses:,} uses"
    else:
        yield from (f"check  {sentence}" for sentence in warnings(cover))
        if not cover.without_prompt and not cover.without_class:
            yield f"ok     prompts and labels name the same {plural(len(cover.classes), 'class', 'classes')}"
    if report.empty:
        yield f"check  {plural(len(report.empty), 'class', 'classes')} without a prompt: {name_list(report.empty)}"
    if report.repeated:
        yield f"check  {plural(report.repeated, 'prompt', 'prompts')} that the class has already (counted once)"
    yield from _suspect_lines("with placeholders left in", report.placeholders)
    yield from _suspect_lines("naming another class", report.other_class)
    yield from _suspect_lines("to be cleaned ('prompts clean')", report.unclean)
    yield from _suspect_lines(f"cut off, beyond the {CONTEXT} tokens of CLIP", report.cut)


def lint_data(report: LintReport, cover: Coverage | None) -> dict[str, Any]:
    """What ``--json`` prints; coverage is null where no labels were given."""
    data = {**asdict(report), **{name: [text._asdict() for text in getattr(report, name)] for name in _SUSPECTS}}
    return {**data, "coverage": None if cover is None else asdict(cover)}


def difference_table(difference: PromptSetDifference) -> FittedTable:
    """One row per class that differs, and one for all classes: counts of new, dropped and changed texts."""
    table = FittedTable(caption=f"{difference.same:,} the same")
    table.add_column("class")
    for name in _KINDS:
        table.add_column(name, "number")
    for label, texts in difference.classes.items():
        table.add_row(label, *(f"{len(getattr(texts, name)):,}" for name in _KINDS))
    table.add_row("all", *(f"{n:,}" for n in difference_counts(difference).values()), style="bold")
    return table


def difference_counts(difference: PromptSetDifference) -> dict[str, int]:
    """Count new, dropped and changed texts over all classes."""
    return {name: sum(len(getattr(texts, name)) for texts in difference.classes.values()) for name in _KINDS}


def difference_data(difference: PromptSetDifference) -> dict[str, Any]:
    """What ``--json`` prints."""
    classes = {
        label: {
            "new": texts.new,
            "dropped": texts.dropped,
            "changed": [change._asdict() for change in texts.changed],
        }
        for label, texts in difference.classes.items()
    }
    return {
        **difference_counts(difference),
        "same": difference.same,
        "classes_new": difference.classes_new,
        "classes_dropped": difference.classes_dropped,
        "classes": classes,
    }


_SUSPECTS = ("placeholders", "other_class", "unclean", "cut")
_KINDS = ("new", "dropped", "changed")


def _suspect_lines(finding: str, suspects: Sequence[SuspectText]) -> Iterator[str]:
    if not suspects:
        yield f"ok     no prompt {finding}"
        return
    yield f"check  {plural(len(suspects), 'prompt', 'prompts')} {finding}"
    for suspect in suspects[:SHOWN]:
        yield f"         {suspect.label}: '{suspect.text}' ({suspect.detail})"
