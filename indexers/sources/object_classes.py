"""Classes of detectors as object and condition: ``Toe drain- Blocked`` is a toe drain that is blocked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from retrieval.config import Config
from retrieval.errors import InputError, first_names, suggest
from retrieval.text_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NORMAL = "normal"
"""Condition of an object whose class names none, where other classes name one."""

_CONDITION_WORDS = """
abnormal bad blocked broken clean clear clogged closed collapsed corroded cracked damaged defect defective dented dirty
eroded faulty flooded good healthy intact leaking loose missing normal obstructed ok open overgrown rusted rusty worn
"""
CONDITIONS = frozenset(_CONDITION_WORDS.split())
"""Words that are read as a condition where they follow the name of another class."""


class ObjectClass(NamedTuple):
    """The object that a class is of, and its condition."""

    object: str
    condition: str


class _Entry(Config):
    """What a file of classes says of one class."""

    object: str
    condition: str = NORMAL


def guess_classes(names: Iterable[str]) -> dict[str, ObjectClass]:
    """Divide names of classes into object and condition.

    A name that is another class's name followed by words of :data:`CONDITIONS` is that object in this condition; every
    other class is an object in the condition :data:`NORMAL`. Case, ``-`` and ``_`` do not matter.

    Returns:
        Class by name; empty if no name has a condition.
    """
    words = {name: tuple(re.findall(r"[^\W_]+", name.casefold())) for name in names}
    others = set(words.values())
    classes = {name: _divided(parts, others) for name, parts in words.items()}
    return classes if any(one.condition != NORMAL for one in classes.values()) else {}


def _divided(words: Sequence[str], others: set[tuple[str, ...]]) -> ObjectClass:
    for end in range(1, len(words)):
        if tuple(words[:end]) in others and CONDITIONS.issuperset(words[end:]):
            return ObjectClass(" ".join(words[:end]), " ".join(words[end:]))
    return ObjectClass(" ".join(words), NORMAL)


def read_classes(path: Path, names: Sequence[str]) -> dict[str, ObjectClass]:
    """Read a YAML file that maps names of classes to ``{object: ..., condition: ...}``.

    Args:
        path: the file.
        names: all names of the data set's classes.

    Raises:
        InputError: the file cannot be read, or its classes are not those of the data set.
    """
    content = read_yaml(path, "a map of classes")
    if not isinstance(content, dict):
        raise InputError(f"{path} maps no classes; write lines such as 'rock toe damaged: {{object: rock toe, ...}}'.")
    for name in content:
        if name not in names:
            raise InputError(f"{path}: there is no class '{name}' in the data set.{suggest(str(name), names)}")
    lacking = [name for name in names if name not in content]
    if lacking:
        raise InputError(f"{path} does not say what {first_names(lacking)} are; add them.")
    entries = {name: _Entry.read(_mapping(entry), f"{path}, {name}") for name, entry in content.items()}
    return {name: ObjectClass(entry.object, entry.condition) for name, entry in entries.items()}


def _mapping(entry: object) -> Mapping[str, object]:
    return entry if isinstance(entry, dict) else {"object": entry}


def classes_note(classes: Mapping[str, ObjectClass], *, guessed: bool) -> str:
    """Say how classes are divided, one line for the user."""
    conditions: dict[str, list[str]] = {}
    for one in classes.values():
        conditions.setdefault(one.object, []).append(one.condition)
    listed = "; ".join(f"{name}: {', '.join(sorted(of))}" for name, of in conditions.items())
    way = " (`class_map=FILE` says otherwise)" if guessed else ""
    return f"Classes are objects with conditions{way}: {listed}."
