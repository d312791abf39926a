"""What two prompt sets have that the other lacks, class by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from eval.prompts.check import name_form
from eval.prompts.cleaning import clean_text
from eval.prompts.sets import PromptSet, net_new


class TextChange(NamedTuple):
    """A text that is written differently: case, spaces, punctuation at the end."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """What is ``new`` in the second set, ``dropped`` from the first, and ``changed`` in its writing alone."""

    new: tuple[str, ...]
    dropped: tuple[str, ...]
    changed: tuple[TextChange, ...]


@dataclass(frozen=True, slots=True)
class PromptSetDifference:
    """Classes that differ; ``same`` texts stand in both sets under the same class."""

    classes: Mapping[str, ClassDifference]
    classes_new: tuple[str, ...]
    classes_dropped: tuple[str, ...]
    same: int


def difference(before: PromptSet, after: PromptSet) -> PromptSetDifference:
    """Compare two sets, classes in order of the first, then of the second."""
    new, dropped = net_new(before, after).prompts, net_new(after, before).prompts
    names = [label for label in dict.fromkeys([*before.prompts, *after.prompts]) if label in new or label in dropped]
    return PromptSetDifference(
        classes={label: _of_class(new.get(label, ()), dropped.get(label, ())) for label in names},
        classes_new=tuple(label for label in after.prompts if label not in before.prompts),
        classes_dropped=tuple(label for label in before.prompts if label not in after.prompts),
        same=len(after) - sum(map(len, new.values())),
    )


def _of_class(new: tuple[str, ...], dropped: tuple[str, ...]) -> ClassDifference:
    """Pair the texts that have one form."""
    left: dict[str, list[str]] = {}
    for text in dropped:
        left.setdefault(_form(text), []).append(text)
    changed = {text: left[_form(text)].pop(0) for text in new if left.get(_form(text))}
    gone = set(changed.values())
    return ClassDifference(
        tuple(text for text in new if text not in changed),
        tuple(text for text in dropped if text not in gone),
        tuple(TextChange(old, text) for text, old in changed.items()),
    )


def _form(text: str) -> str:
    return name_form(clean_text(text)).rstrip(".!")
