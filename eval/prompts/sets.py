"""Prompt sets: texts by class, what they have in common, and what one has that another lacks.

A prompt file is JSON, ``{"species": ["a text", "another"]}``; a class with one text may have it without brackets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retrieval.errors import InputError
from retrieval.text_files import read_json
from retrieval.types import Int64

HOW = '{"class": ["a text", ...], ...}'


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Texts by class, both in file order; a class has a text once. ``repeated`` counts what was left out for that.

    A class may have no text. ``name`` is what tables and results call the set.
    """

    name: str
    prompts: Mapping[str, tuple[str, ...]]
    repeated: int = 0

    @classmethod
    def of(cls, name: str, pairs: Iterable[tuple[str, Sequence[str]]]) -> PromptSet:
        """Gather the texts of classes; a class may come several times."""
        texts: dict[str, dict[str, None]] = {}
        given = 0
        for label, more in pairs:
            texts.setdefault(label, {}).update(dict.fromkeys(more))
            given += len(more)
        return cls(name, {label: tuple(own) for label, own in texts.items()}, given - sum(map(len, texts.values())))

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
        """Texts of several classes, to these classes, both in file order."""
        classes: dict[str, list[str]] = {}
        for label, texts in self.prompts.items():
            for text in texts:
                classes.setdefault(text, []).append(label)
        return {text: tuple(labels) for text, labels in classes.items() if len(labels) > 1}

    def to_json(self) -> str:
        """As a file has it: one class a key, one text a line."""
        texts = {label: list(own) for label, own in self.prompts.items()}
        return json.dumps(texts, ensure_ascii=False, indent=1) + "\n"


class Edges(NamedTuple):
    """Which text speaks for which class: ``vector`` (e,) places among the unique texts, ``label`` (e,) class names."""

    vector: Int64
    label: tuple[str, ...]


def read_prompts(path: Path) -> PromptSet:
    """Read a prompt set; its name is the file's, less the suffix.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is no prompt set, naming the class that is wrong.
    """
    content = read_json(path, "a prompt set")
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a prompt set, which is {HOW}; make one of a list of names with 'prompts make'."
        )
    pairs = [(label, _texts(path, label, value)) for label, value in content.items()]
    if not any(texts for _, texts in pairs):
        raise InputError(f"{path} has no prompt; a prompt set is {HOW}.")
    return PromptSet.of(path.stem, pairs)


def edges(prompts: PromptSet) -> Edges:
    """One edge for every text of every class, in file order."""
    place = {text: at for at, text in enumerate(prompts.unique_texts)}
    pairs = [(place[text], label) for label, texts in prompts.prompts.items() for text in texts]
    return Edges(np.array([at for at, _ in pairs], np.int64), tuple(label for _, label in pairs))


def merge(sets: Sequence[PromptSet], name: str) -> PromptSet:
    """All texts of all sets, classes and texts in order of first use."""
    return PromptSet.of(name, (pair for part in sets for pair in part.prompts.items()))


def net_new(baseline: PromptSet, other: PromptSet) -> PromptSet:
    """What ``other`` says of a class that ``baseline`` does not say of it; classes with nothing new are left out."""
    known = {label: set(texts) for label, texts in baseline.prompts.items()}
    new = {
        label: tuple(text for text in texts if text not in known.get(label, ()))
        for label, texts in other.prompts.items()
    }
    return PromptSet(other.name, {label: texts for label, texts in new.items() if texts})


def _texts(path: Path, label: str, value: object) -> list[str]:
    if not label.strip():
        raise InputError(f"{path} has a class without a name ('{label}').")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise InputError(f"{path}: class '{label}' has {_shown(value)} instead of a list of texts; write {HOW}.")
    for at, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise InputError(f"{path}: prompt {at} of class '{label}' is {_shown(text)}, not a text.")
        if not text.strip():
            raise InputError(f"{path}: prompt {at} of class '{label}' is empty; remove it.")
    return texts


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
