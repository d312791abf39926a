"""Read tables of attributes: for each class, the values of attributes such as colour or habitat.

A table is JSON, ``{"species": {"colour": ["red", "orange"], "habitat": "wood"}}``, or CSV or TSV with a header and one
row per class. The name of the class is in the column ``class``, ``label``, ``species`` or ``name``, else in the first
one; several values in a cell are separated by ``;``. A class with several rows has the values of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from retrieval.errors import InputError
from retrieval.text_files import read_csv, read_json

Attributes: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Class -> attribute -> its values, at least one."""

CLASS_COLUMNS = ("class", "label", "species", "name")
"""Names of the column of class names, in lower case."""


def read_attributes(path: Path) -> Attributes:
    """Read a table of attributes; a class does not have the attributes whose cells are empty or null.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file is not such a table; the message names the row or the class.
    """
    pairs = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    table: dict[str, dict[str, dict[str, None]]] = {}
    for label, attribute, values in pairs:
        table.setdefault(label, {}).setdefault(attribute, {}).update(dict.fromkeys(values))
    if not table:
        raise InputError(f"{path} has no attribute of any class.")
    return {label: {name: tuple(values) for name, values in row.items()} for label, row in table.items()}


def join_attributes(*tables: Attributes) -> Attributes:
    """Join tables; where several have the same attribute of a class, the last one counts."""
    joined: dict[str, dict[str, tuple[str, ...]]] = {}
    for table in tables:
        for label, attributes in table.items():
            joined.setdefault(label, {}).update(attributes)
    return joined


def _from_csv(path: Path) -> Iterable[tuple[str, str, list[str]]]:
    for line, row in read_csv(path, lambda columns: _check_header(path, columns), delimiter=None, fill=True):
        key = next((name for name in row if name.lower() in CLASS_COLUMNS), next(iter(row)))
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
    for label, attributes in content.items():
        if not isinstance(attributes, dict):
            raise InputError(f'{path}: class \'{label}\' needs its attributes by name, {{"attribute": "value"}}.')
        for name, cell in attributes.items():
            values = cell if isinstance(cell, list) else [] if cell is None else [cell]
            if not all(isinstance(value, str) and value.strip() for value in values):
                raise InputError(f"{path}: attribute '{name}' of class '{label}' is no text and no list of texts.")
            if values:
                yield label, name, [value.strip() for value in values]
