"""Findings and differences of prompt sets as lines and tables for people, and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from eval.prompts.check import Coverage, listed, plural, warnings
from eval.prompts.diff import PromptSetDifference
from eval.prompts.lint import LintReport, SuspectText
from eval.prompts.tokens import CONTEXT

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 3
"""Texts shown of each finding."""


def lint_lines(found: LintReport, cover: Coverage | None) -> Iterator[str]:
    """A line of counts, then one for each finding and a few indented examples; ``ok`` where there is none."""
    yield (
        f"{found.name}: {plural(found.rows, 'prompt', 'prompts')} of {plural(found.classes, 'class', 'classes')} "
        f"({found.fewest} to {found.most} each), {plural(found.texts, 'unique text', 'unique texts')}"
    )
    if cover is None:
        if found.shared:
            uses = sum(map(len, found.shared.values()))
            yield f"check  {plural(len(found.shared), 'text', 'texts')} shared by several classes, {uses:,} uses"
    else:
        said = warnings(cover)
        yield from (f"check  {sentence}" for sentence in said)
        if not cover.without_prompt and not cover.without_class:
            yield f"ok     prompts and labels name the same {plural(len(cover.classes), 'class', 'classes')}"
    if found.empty:
        yield f"check  {plural(len(found.empty), 'class', 'classes')} without a prompt: {listed(found.empty)}"
    if found.repeated:
        yield f"check  {plural(found.repeated, 'prompt', 'prompts')} that the class has already (counted once)"
    yield from _suspects("with placeholders left in", found.placeholders)
    yield from _suspects("naming another class", found.other_class)
    yield from _suspects("to be cleaned ('prompts clean')", found.unclean)
    yield from _suspects(f"cut off, beyond the {CONTEXT} tokens of CLIP", found.cut)


def lint_data(found: LintReport, cover: Coverage | None) -> dict[str, Any]:
    """For ``--json``; suspects are objects, coverage is null where no labels were given."""
    data = {**asdict(found), **{name: [one._asdict() for one in getattr(found, name)] for name in _SUSPECTS}}
    return {**data, "coverage": None if cover is None else asdict(cover)}


def difference_table(found: PromptSetDifference) -> Table:
    """One row per class that differs, and one for the whole."""
    from rich.table import Table

    table = Table(title_justify="left", box=None, pad_edge=False, header_style="bold", caption_justify="left")
    table.caption = f"{found.same:,} the same"
    table.add_column("class")
    for name in _COUNTED:
        table.add_column(name, justify="right")
    for label, own in found.classes.items():
        table.add_row(label, *(f"{len(getattr(own, name)):,}" for name in _COUNTED))
    table.add_row("all", *(f"{n:,}" for n in difference_counts(found).values()), style="bold")
    return table


def difference_counts(found: PromptSetDifference) -> dict[str, int]:
    """New, dropped and changed texts over all classes."""
    return {name: sum(len(getattr(own, name)) for own in found.classes.values()) for name in _COUNTED}


def difference_data(found: PromptSetDifference) -> dict[str, Any]:
    """For ``--json``."""
    classes = {
        label: {
            "new": own.new,
            "dropped": own.dropped,
            "changed": [pair._asdict() for pair in own.changed],
        }
        for label, own in found.classes.items()
    }
    return {
        **difference_counts(found),
        "same": found.same,
        "classes_new": found.classes_new,
        "classes_dropped": found.classes_dropped,
        "classes": classes,
    }


_SUSPECTS = ("placeholders", "other_class", "unclean", "cut")
_COUNTED = ("new", "dropped", "changed")


def _suspects(what: str, suspects: Sequence[SuspectText]) -> Iterator[str]:
    if not suspects:
        yield f"ok     no prompt {what}"
        return
    yield f"check  {plural(len(suspects), 'prompt', 'prompts')} {what}"
    for one in suspects[:SHOWN]:
        yield f"         {one.label}: '{one.text}' ({one.detail})"
