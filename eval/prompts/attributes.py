"""Tables of attributes: for each class, the values of attributes such as colour or habitat.

JSON, ``{"species": {"colour": ["red", "orange"], "habitat": "wood"}}``, or CSV or TSV with a header: one row a class,
its name in the column ``class``, ``label``, ``species`` or ``name``, else in the first; several values of a cell are
separated by ``;``. A class that is there twice has the values of all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from retrieval.errors import InputError
from retrieval.text_files import read_csv, read_json

Attributes: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Class to attribute to its values, at least one."""

NAMED = ("class", "label", "species", "name")
"""Headers of the column with the classes' names."""


def read_attributes(path: Path) -> Attributes:
    """Read a table of attributes; empty cells and nulls are attributes that the class does not have.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is no such table, naming the row or the class.
    """
    pairs = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    table: dict[str, dict[str, dict[str, None]]] = {}
    for label, attribute, values in pairs:
        table.setdefault(label, {}).setdefault(attribute, {}).update(dict.fromkeys(values))
    if not table:
        raise InputError(f"{path} has no attribute of any class.")
    return {label: {name: tuple(values) for name, values in own.items()} for label, own in table.items()}


def join_attributes(*tables: Attributes) -> Attributes:
    """All attributes of all tables; where two have an attribute of a class, the later one counts."""
    joined: dict[str, dict[str, tuple[str, ...]]] = {}
    for table in tables:
        for label, own in table.items():
            joined.setdefault(label, {}).update(own)
    return joined


def _from_csv(path: Path) -> Iterable[tuple[str, str, list[str]]]:
    for line, row in read_csv(path, lambda columns: _check_header(path, columns), delimiter=None, fill=True):
        key = next((name for name in row if name.lower() in NAMED), next(iter(row)))
        label = row.pop(key)
        if not label:
            raise InputError(f"{path}, line {line}: there is no name in column '{key}'.")
        for name, cell in row.items():
            if values := [value.strip() for value in cell.split(";") if value.strip()]:
                yield label, name, values


def _check_header(path: Path, columns: Sequence[str]) -> None:
    if len(columns) < 2 or len(set(columns)) < len(columns) or not all(columns):
        raise InputError(
            f"{path}: the header needs a column of class names and others named after attributes, each once."
        )


def _from_json(path: Path) -> Iterable[tuple[str, str, list[str]]]:
    content = read_json(path, "a table of attributes")
    if not isinstance(content, dict):
        raise InputError(f'{path} is no table of attributes, which is {{"class": {{"attribute": ["value", ...]}}}}.')
    for label, own in content.items():
        if not isinstance(own, dict):
            raise InputError(f'{path}: class \'{label}\' needs its attributes by name, {{"attribute": "value"}}.')
        for name, given in own.items():
            values = given if isinstance(given, list) else [] if given is None else [given]
            if not all(isinstance(value, str) and value.strip() for value in values):
                raise InputError(f"{path}: attribute '{name}' of class '{label}' is no text and no list of texts.")
            if values:
                yield label, name, [value.strip() for value in values]
