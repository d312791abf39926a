"""Clean prompts of what scraping and joining leave in texts, without removing words."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from eval.prompts.check import readable_name
from eval.prompts.sets import PromptSet

_DOUBLED = re.compile(r"\b([^\W\d]+)(?:\s+\1\b)+", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Zero-width joiners, which the spelling of Persian and of Indic scripts needs."""


class CleaningResult(NamedTuple):
    """The clean set; how many texts were ``changed``; how many were removed because they became empty or repeats."""

    prompts: PromptSet
    changed: int
    empty: int
    repeats: int


def clean(prompts: PromptSet) -> CleaningResult:
    """Clean every text (:func:`clean_text`); words that are doubled in a class name (Bison bison) stay doubled."""
    kept = doubled_names(prompts.prompts)
    cleaned = {label: [clean_text(text, kept) for text in texts] for label, texts in prompts.prompts.items()}
    changed = sum(
        new != old for label, texts in prompts.prompts.items() for new, old in zip(cleaned[label], texts, strict=True)
    )
    empty = sum(not text for texts in cleaned.values() for text in texts)
    pairs = ((label, [text for text in texts if text]) for label, texts in cleaned.items())
    clean_set = PromptSet.of(prompts.name, pairs)
    return CleaningResult(clean_set, changed, empty, clean_set.repeated)


def clean_text(text: str, kept: frozenset[str] = frozenset()) -> str:
    """Remove HTML entities, underscores, unprintable characters, doubled words, and loose commas and spaces.

    ``kept`` are words, in lower case, that may be doubled.
    """
    text = html.unescape(html.unescape(text))  # twice, as open_clip's tokenizer does: scraped text has &amp;amp;
    text = "".join(_printing(character) for character in unicodedata.normalize("NFC", text))
    text = " ".join(text.replace("_", " ").split())
    text = _DOUBLED.sub(lambda match: match[0] if match[1].casefold() in kept else match[1], text)
    text = re.sub(r"\s+([,;])", r"\1", text)
    text = re.sub(r"([,;])[,;\s]*(?=[,;])", "", text)
    return text.strip(" ,;")


def doubled_names(names: Iterable[str]) -> frozenset[str]:
    """Words that are doubled in names of classes, in lower case."""
    return frozenset(match[1].casefold() for name in names for match in _DOUBLED.finditer(readable_name(name)))


def _printing(character: str) -> str:
    """The character itself; a space for control characters, an empty text for zero-width ones."""
    kind = unicodedata.category(character)
    if kind == "Cc":
        return " "
    return "" if kind == "Cf" and character not in _JOINERS else character
