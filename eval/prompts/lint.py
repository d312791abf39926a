"""Check a prompt set by itself: counts, and texts that may be wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from eval.prompts.check import name_form
from eval.prompts.cleaning import clean_text, doubled_names
from eval.prompts.sets import PromptSet
from eval.prompts.tokens import too_long

_WORD = re.compile(r"\w+(?:[-'\u2019]\w+)*")
_BRACES = re.compile(r"[{}]|\[[A-Za-z_ ]+\]|<[A-Za-z_ ]+>")
"""Braces of a template, or a placeholder such as [NAME] or <name>."""


class SuspectText(NamedTuple):
    """A text of a class; ``detail`` is the placeholder, the other class, the clean text or the number of tokens."""

    label: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class LintReport:
    """The findings of :func:`lint`, in file order.

    ``rows`` counts the texts of all classes, ``texts`` the distinct ones, ``repeated`` those that a class had twice.
    ``fewest`` and ``most`` are numbers of texts of a class that has any; ``empty`` are classes without texts;
    ``shared`` maps texts to the classes that share them. Suspicious are texts with ``placeholders``, those that name
    ``other_class``, those that ``prompts clean`` would change (``unclean``), and those longer than CLIP's context
    (``cut``).
    """

    name: str
    classes: int
    rows: int
    texts: int
    repeated: int
    fewest: int
    most: int
    empty: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]
    placeholders: tuple[SuspectText, ...]
    other_class: tuple[SuspectText, ...]
    unclean: tuple[SuspectText, ...]
    cut: tuple[SuspectText, ...]


def lint(prompts: PromptSet) -> LintReport:
    """Check every text of a set."""
    pairs = [(label, text) for label, texts in prompts.prompts.items() for text in texts]
    sizes = [len(prompts.prompts[label]) for label in prompts.classes]
    kept = doubled_names(prompts.prompts)
    tokens = too_long(prompts.unique_texts)
    names = _ClassNameFinder(prompts.prompts)
    cleaned = {text: clean_text(text, kept) for text in prompts.unique_texts}
    return LintReport(
        name=prompts.name,
        classes=len(prompts.prompts),
        rows=len(pairs),
        texts=len(prompts.unique_texts),
        repeated=prompts.repeated,
        fewest=min(sizes, default=0),
        most=max(sizes, default=0),
        empty=tuple(label for label, texts in prompts.prompts.items() if not texts),
        shared=prompts.shared(),
        placeholders=tuple(
            SuspectText(label, text, match[0]) for label, text in pairs if (match := _BRACES.search(text)) is not None
        ),
        other_class=tuple(
            SuspectText(label, text, other) for label, text in pairs if (other := names.other(label, text)) is not None
        ),
        unclean=tuple(SuspectText(label, text, cleaned[text]) for label, text in pairs if cleaned[text] != text),
        cut=tuple(SuspectText(label, text, f"{tokens[text]} tokens") for label, text in pairs if text in tokens),
    )


class _ClassNameFinder:
    """Finds class names among the words of a text, the longest one at each word."""

    def __init__(self, classes: Mapping[str, object]) -> None:
        self._class = {_words(label): label for label in classes if _words(label)}
        self._sizes: dict[str, set[int]] = {}
        for words in self._class:
            self._sizes.setdefault(words[0], set()).add(len(words))

    def other(self, label: str, text: str) -> str | None:
        """The first class that the text names other than ``label`` and classes whose name is a part of it; or None."""
        name = " ".join(_words(label))
        for other in self._classes_in(_words(text)):
            if other != label and " ".join(_words(other)) not in name:
                return other
        return None

    def _classes_in(self, words: tuple[str, ...]) -> Iterator[str]:
        at = 0
        while at < len(words):
            sizes = sorted(self._sizes.get(words[at], ()), reverse=True)
            size = next((size for size in sizes if words[at : at + size] in self._class), 0)
            if size:
                yield self._class[words[at : at + size]]
            at += max(size, 1)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(name_form(text)))
