"""Cleaning prompts: what scraping and joining of texts leave behind, and no word that says something."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from eval.prompts.check import spoken
from eval.prompts.sets import PromptSet

_DOUBLED = re.compile(r"\b([^\W\d]+)(?:\s+\1\b)+", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Invisible, but part of the writing of Persian and of Indic scripts."""


class CleaningResult(NamedTuple):
    """The clean set, how many texts were ``changed``, and how many became ``empty`` or a ``repeat`` and are gone."""

    prompts: PromptSet
    changed: int
    empty: int
    repeats: int


def clean(prompts: PromptSet) -> CleaningResult:
    """Clean every text (:func:`clean_text`); words that are doubled in a class's name (Bison bison) stay so."""
    kept = doubled_names(prompts.prompts)
    texts = {label: [clean_text(text, kept) for text in own] for label, own in prompts.prompts.items()}
    changed = sum(
        new != old for label, own in prompts.prompts.items() for new, old in zip(texts[label], own, strict=True)
    )
    empty = sum(not text for own in texts.values() for text in own)
    found = PromptSet.of(prompts.name, ((label, [text for text in own if text]) for label, own in texts.items()))
    return CleaningResult(found, changed, empty, found.repeated)


def clean_text(text: str, kept: frozenset[str] = frozenset()) -> str:
    """One text without HTML entities, ``_``, characters that do not print, doubled words, or loose commas and spaces.

    ``kept`` are words, in small letters, that may be doubled.
    """
    text = html.unescape(
        html.unescape(text)
    )  # twice, as open_clip's tokenizer does: &amp;amp; is found in scraped text
    text = "".join(_printing(character) for character in unicodedata.normalize("NFC", text))
    text = " ".join(text.replace("_", " ").split())
    text = _DOUBLED.sub(lambda found: found[0] if found[1].casefold() in kept else found[1], text)
    text = re.sub(r"\s+([,;])", r"\1", text)
    text = re.sub(r"([,;])[,;\s]*(?=[,;])", "", text)
    return text.strip(" ,;")


def doubled_names(names: Iterable[str]) -> frozenset[str]:
    """Words that are doubled in names of classes, in small letters."""
    return frozenset(found[1].casefold() for name in names for found in _DOUBLED.finditer(spoken(name)))


def _printing(character: str) -> str:
    """The character; a space for control characters, nothing for those without width."""
    kind = unicodedata.category(character)
    if kind == "Cc":
        return " "
    return "" if kind == "Cf" and character not in _JOINERS else character
