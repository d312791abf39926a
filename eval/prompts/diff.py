"""Compare two prompt sets class by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from eval.prompts.check import name_form
from eval.prompts.cleaning import clean_text
from eval.prompts.sets import PromptSet, net_new


class TextChange(NamedTuple):
    """A text whose two versions differ in case, spaces or final punctuation only."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """Texts of a class that only the second set has, that only the first has, and that differ in spelling only."""

    new: tuple[str, ...]
    dropped: tuple[str, ...]
    changed: tuple[TextChange, ...]


@dataclass(frozen=True, slots=True)
class PromptSetDifference:
    """The classes that differ, new and dropped ones, and the number of texts that both sets have for a class."""

    classes: Mapping[str, ClassDifference]
    classes_new: tuple[str, ...]
    classes_dropped: tuple[str, ...]
    same: int


def difference(before: PromptSet, after: PromptSet) -> PromptSetDifference:
    """Compare two sets; classes are in the order of ``before``, then of ``after``."""
    new, dropped = net_new(before, after).prompts, net_new(after, before).prompts
    names = [label for label in dict.fromkeys([*before.prompts, *after.prompts]) if label in new or label in dropped]
    return PromptSetDifference(
        classes={label: _class_difference(new.get(label, ()), dropped.get(label, ())) for label in names},
        classes_new=tuple(label for label in after.prompts if label not in before.prompts),
        classes_dropped=tuple(label for label in before.prompts if label not in after.prompts),
        same=len(after) - sum(map(len, new.values())),
    )


def _class_difference(new: tuple[str, ...], dropped: tuple[str, ...]) -> ClassDifference:
    """Pair new and dropped texts of the same form as changed ones."""
    unpaired: dict[str, list[str]] = {}
    for text in dropped:
        unpaired.setdefault(_form(text), []).append(text)
    changed = {text: unpaired[_form(text)].pop(0) for text in new if unpaired.get(_form(text))}
    before_change = set(changed.values())
    return ClassDifference(
        tuple(text for text in new if text not in changed),
        tuple(text for text in dropped if text not in before_change),
        tuple(TextChange(old, text) for text, old in changed.items()),
    )


def _form(text: str) -> str:
    return name_form(clean_text(text)).rstrip(".!")
