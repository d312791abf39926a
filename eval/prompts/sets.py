"""Prompt sets: texts by class, read from files, merged and subtracted.

A prompt file is JSON, ``{"species": ["a text", "another"]}``; a class with one text may have it without brackets.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retrieval.errors import InputError
from retrieval.labels import index_values
from retrieval.text_files import read_json
from retrieval.types import Int64

FORMAT = '{"class": ["a text", ...], ...}'


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Texts by class, both in file order; a class has each text once and may have none.

    ``name`` is what tables and results call the set; ``repeated`` counts the repeats that were left out.
    """

    name: str
    prompts: Mapping[str, tuple[str, ...]]
    repeated: int = 0

    @classmethod
    def of(cls, name: str, pairs: Iterable[tuple[str, Sequence[str]]]) -> PromptSet:
        """Make a set from pairs of a class and its texts; a class may have several pairs."""
        texts: dict[str, dict[str, None]] = {}
        count = 0
        for label, more in pairs:
            texts.setdefault(label, {}).update(dict.fromkeys(more))
            count += len(more)
        prompts = {label: tuple(unique) for label, unique in texts.items()}
        return cls(name, prompts, count - sum(map(len, prompts.values())))

    def __len__(self) -> int:
        return sum(map(len, self.prompts.values()))

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that have a text."""
        return tuple(label for label, texts in self.prompts.items() if texts)

    @property
    def unique_texts(self) -> tuple[str, ...]:
        """Every text once, in order of first use."""
        return tuple(dict.fromkeys(text for texts in self.prompts.values() for text in texts))

    @property
    def sha256(self) -> str:
        """Hash of the pairs of class and text, independent of their order and of the name."""
        pairs = sorted((label, text) for label, texts in self.prompts.items() for text in texts)
        return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()

    def renamed(self, names: Mapping[str, str]) -> PromptSet:
        """The same texts with other names for some classes."""
        return PromptSet.of(self.name, ((names.get(label, label), texts) for label, texts in self.prompts.items()))

    def shared(self) -> dict[str, tuple[str, ...]]:
        """Texts of several classes -> these classes, both in file order."""
        classes: dict[str, list[str]] = {}
        for label, texts in self.prompts.items():
            for text in texts:
                classes.setdefault(text, []).append(label)
        return {text: tuple(labels) for text, labels in classes.items() if len(labels) > 1}

    def to_json(self) -> str:
        """The text of a prompt file, with one prompt per line."""
        prompts = {label: list(texts) for label, texts in self.prompts.items()}
        return json.dumps(prompts, ensure_ascii=False, indent=1) + "\n"


class Edges(NamedTuple):
    """Pairs of text and class: ``vector`` (e,) indexes the unique texts, ``label`` (e,) holds class names."""

    vector: Int64
    label: tuple[str, ...]


def read_prompts(path: Path) -> PromptSet:
    """Read a prompt set; its name is that of the file without the suffix.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is not a prompt set; the message names the class that is wrong.
    """
    content = read_json(path, "a prompt set")
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a prompt set, which is {FORMAT}; make one of a list of names with 'prompts make'."
        )
    if index_values(content):
        raise InputError(
            f"{path} gives classes indexes, not prompts; a prompt set is {FORMAT}. Make one of these names with "
            "'prompts make'."
        )
    pairs = [(label, _texts(path, label, value)) for label, value in content.items()]
    if not any(texts for _, texts in pairs):
        raise InputError(f"{path} has no prompt; a prompt set is {FORMAT}.")
    return PromptSet.of(path.stem, pairs)


def edges(prompts: PromptSet) -> Edges:
    """Pairs of every text and its class, in file order."""
    index = {text: at for at, text in enumerate(prompts.unique_texts)}
    pairs = [(index[text], label) for label, texts in prompts.prompts.items() for text in texts]
    return Edges(np.array([at for at, _ in pairs], np.int64), tuple(label for _, label in pairs))


def merge(sets: Sequence[PromptSet], name: str) -> PromptSet:
    """Merge sets; classes and texts are in order of first use."""
    return PromptSet.of(name, (pair for part in sets for pair in part.prompts.items()))


def net_new(baseline: PromptSet, other: PromptSet) -> PromptSet:
    """The texts of ``other`` that ``baseline`` does not have for the same class; classes without any are left out."""
    baseline_texts = {label: set(texts) for label, texts in baseline.prompts.items()}
    new = {
        label: tuple(text for text in texts if text not in baseline_texts.get(label, ()))
        for label, texts in other.prompts.items()
    }
    return PromptSet(other.name, {label: texts for label, texts in new.items() if texts})


def _texts(path: Path, label: str, value: object) -> list[str]:
    if not label.strip():
        raise InputError(f"{path} has a class without a name ('{label}').")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise InputError(f"{path}: class '{label}' has {_shown(value)} instead of a list of texts; write {FORMAT}.")
    for at, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"{path}: prompt {at} of class '{label}' is {_shown(text)}, not a text.")
        if not _without_marks(text).strip():
            raise InputError(f"{path}: prompt {at} of class '{label}' is empty; remove it.")
    if isinstance(value, str) and value.strip().isdecimal():
        raise InputError(f"{path}: class '{label}' has {_shown(value)}, an index and not a text; write {FORMAT}.")
    return texts


def _without_marks(text: str) -> str:
    """The text without characters that do not print, such as zero-width spaces."""
    return "".join(letter for letter in text if unicodedata.category(letter) not in {"Cc", "Cf"})


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
