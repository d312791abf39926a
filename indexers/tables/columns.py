"""Find the columns of fields, and infer the types of metadata columns from all of their values."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from indexers.tables.base import Cell, list_columns
from retrieval.errors import InputError, UnknownOptionError, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from indexers.tables.base import InputTable
    from retrieval.types import MetaValue

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)


def find_columns(table: InputTable, fields: Iterable[str], renamed: Mapping[str, str | None]) -> dict[str, int]:
    """Map fields of a sample to the positions of their columns; fields without a column are absent.

    Args:
        table: the table.
        fields: names of the fields. A field's column has the same name unless ``renamed`` gives another.
        renamed: field -> name of its column, or None to leave the field without a column.

    Raises:
        UnknownOptionError: ``renamed`` has a key that is not in ``fields``, or a column that the table does not have.
    """
    fields = tuple(fields)
    for field, column in renamed.items():
        if field not in fields:
            raise UnknownOptionError(
                f"There is no field '{field}' to rename.{suggest(field, fields)} Fields: {', '.join(fields)}."
            )
        if column is not None and column in table.ignored:
            raise UnknownOptionError(
                f"{table.path}: column '{column}' holds {table.ignored[column]}, and the {field} of a row is one plain "
                f"value. Columns of plain values: {list_columns(table.columns)}."
            )
        if column is not None and column not in table.columns:
            have = f"{suggest(column, table.columns)} It has: {list_columns(table.columns)}."
            raise UnknownOptionError(f"{table.path} has no column '{column}'.{have}")
    names = {field: renamed.get(field, field) for field in fields}
    return {field: table.columns.index(name) for field, name in names.items() if name and name in table.columns}


def as_text(cell: Cell) -> str | None:
    """Convert a cell to stripped text: ``3.0`` becomes ``"3"``, empty cells and NaN become None.

    For fields that are always text: identity, label, camera, group, aspect, split.
    """
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        return str(int(cell)) if cell.is_integer() else str(cell)
    if isinstance(cell, Decimal) and cell.is_finite() and cell == cell.to_integral_value():
        return str(int(cell))
    return None if cell is None else str(cell).strip() or None


@dataclass(frozen=True)
class MetaColumn:
    """A metadata column: its name in snake_case, its position, and the function that converts a cell to a value."""

    name: str
    position: int
    read: Callable[[Cell], MetaValue]


def meta_columns(table: InputTable, used: Iterable[int]) -> tuple[MetaColumn, ...]:
    """Infer the type of every metadata column from all of its values.

    A column of integers is int, of numbers float, of true/false bool, and of anything else text. Numbers with
    leading zeros are text, because they are identifiers. Empty cells are None. Columns without a name are left out.

    Args:
        table: the table.
        used: positions of columns that are not metadata.

    Raises:
        InputError: two columns have the same name in snake_case.
    """
    skip = set(used)
    free = [at for at, name in enumerate(table.columns) if name and not name.startswith("__index") and at not in skip]
    kinds = _infer(table, free) if not table.typed else {}
    columns: dict[str, MetaColumn] = {}
    for at in free:
        name = snake_case(table.columns[at]) or f"column_{at + 1}"
        if name in columns:
            other = table.columns[columns[name].position]
            raise InputError(
                f"{table.path}: columns '{other}' and '{table.columns[at]}' would both become '{name}'; rename one."
            )
        columns[name] = MetaColumn(name, at, _text_reader(kinds[at]) if at in kinds else plain_value)
    return tuple(columns.values())


def snake_case(name: str) -> str:
    """Write a column name as lower-case ASCII words: ``skinColor``, ``Skin Color`` -> ``skin_color``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_").removeprefix("meta_")


def cell_kind(text: str) -> str:
    """Return the type of one cell of text: ``empty``, ``bool``, ``int``, ``float`` or ``str``."""
    if not text:
        return "empty"
    if _INT.fullmatch(text):
        return "int" if len(text) <= 20 and int(text) in _INT64 else "str"
    if _FLOAT.fullmatch(text):
        return "float" if math.isfinite(float(text)) else "str"
    return "bool" if text.lower() in {"true", "false"} else "str"


def _join(one: str, other: str) -> str:
    """Return the narrowest type that holds values of both types."""
    if "empty" in (one, other) or one == other:
        return one if other == "empty" else other
    return "float" if {one, other} == {"int", "float"} else "str"


def _infer(table: InputTable, positions: Sequence[int]) -> dict[int, str]:
    """Map positions of columns to their types; stops reading once all columns are known to be text."""
    kinds = dict.fromkeys(positions, "empty")
    undecided = list(positions)
    for row in table.rows([]):
        for at in undecided:
            kinds[at] = _join(kinds[at], cell_kind(_as_cell_text(row.cells[at])))
        if "str" in kinds.values():
            undecided = [at for at in undecided if kinds[at] != "str"]
        if not undecided:
            break
    return kinds


_READERS: dict[str, Callable[[Cell], MetaValue]] = {
    "empty": lambda _: None,
    "bool": lambda cell: str(cell).lower() == "true" if cell else None,
    "int": lambda cell: int(str(cell)) if cell else None,
    "float": lambda cell: float(str(cell)) if cell else None,
    "str": lambda cell: str(cell) or None,
}


def _text_reader(kind: str) -> Callable[[Cell], MetaValue]:
    """Return the function that converts a cell of text or JSON to the type of its column."""

    def read(cell: Cell) -> MetaValue:
        return _READERS[kind](_as_cell_text(cell))

    return read


def _as_cell_text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)


def plain_value(cell: Cell) -> MetaValue:
    """Convert a cell of Parquet: dates to ISO 8601 text, decimals to float, NaN and empty text to None."""
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, float) and math.isnan(cell):
        return None
    return cell if cell != "" else None
