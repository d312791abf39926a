"""Tables as people have them: CSV, TSV and Parquet, read row by row, with metadata typed by all of its values.

A table is read as often as it is asked for and never held in memory. Cells of a text table are stripped text;
cells of a Parquet table are Python values.
"""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from retrieval.errors import InputError, MissingFileError, first_names, suggest
from retrieval.types import MetaValue, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

Cell: TypeAlias = str | int | float | bool | datetime | date | Decimal | None

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (*DELIMITERS, *PARQUET)

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)


class Row(NamedTuple):
    """``number`` as an editor shows it: text tables count lines (the header is 1), Parquet counts rows from 1."""

    number: int
    cells: Sequence[Cell]


class Table(Protocol):
    """Named columns and a stream of rows, each with one cell per column."""

    path: Path
    columns: tuple[str, ...]
    typed: bool

    def rows(self, problems: list[Problem]) -> Iterator[Row]:
        """Read from the start; rows that do not fit the header go to ``problems``."""
        ...


def open_table(path: Path, without: Iterable[str] = ()) -> Table:
    """Open a table and check its header.

    Args:
        path: a ``.csv``, ``.tsv``, ``.tab``, ``.parquet`` or ``.pq`` file.
        without: Parquet columns not to read (vectors).

    Raises:
        MissingFileError: there is no such file.
        InputError: the file is of another kind, empty, damaged, not UTF-8, or names a column twice.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no table {path}.")
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return TextTable(path, DELIMITERS[suffix])
    if suffix in PARQUET:
        return ParquetTable(path, frozenset(without))
    raise InputError(f"{path} is not a table that can be read: give one that ends in {', '.join(TABLE_SUFFIXES)}.")


class TextTable:
    """CSV or TSV in UTF-8, with or without a byte order mark, any line ending, quoted cells."""

    typed = False

    def __init__(self, path: Path, delimiter: str) -> None:
        self.path = path
        self._delimiter = delimiter
        with self._reading():
            header = next(self._lines(), None)
        if header is None:
            raise InputError(f"{path} is empty; its first line must name the columns, for example filepath,label.")
        self.columns = _checked_header(path, header.cells)

    def rows(self, problems: list[Problem]) -> Iterator[Row]:
        """Yield the rows after the header; blank lines are passed over, rows of another width are problems."""
        width = len(self.columns)
        with self._reading():
            lines = self._lines()
            next(lines, None)
            for row in lines:
                if len(row.cells) == width:
                    yield row
                else:
                    reason = f"has {len(row.cells)} cells, but the header names {width} columns"
                    problems.append(Problem(place(self.path, row.number), reason))

    def _lines(self) -> Iterator[Row]:
        # utf-8-sig drops the byte order mark that spreadsheets write.
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            start = 1
            for cells in reader:
                if any("\0" in cell for cell in cells):
                    raise csv.Error(f"line {start} holds a NUL character")
                if any(cells):
                    yield Row(start, [cell.strip() for cell in cells])
                start = reader.line_num + 1

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            raise InputError(f"{self.path} is not UTF-8 text; save it again as UTF-8.") from None
        except csv.Error as error:
            raise InputError(f"{self.path} cannot be read as a table: {error}.") from None
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}.") from None


class ParquetTable:
    """Parquet, streamed in batches."""

    typed = True

    def __init__(self, path: Path, without: frozenset[str] = frozenset()) -> None:
        self.path = path
        with reading_parquet(path) as file:
            fields = [field for field in file.schema_arrow if field.name not in without]
        self.columns = _checked_header(path, [field.name for field in fields])
        for field in fields:
            if not _is_plain(field.type):
                way_out = "write the table without it" if not without else "name it as the vector column or drop it"
                raise InputError(f"{path}: column '{field.name}' holds {field.type}, not plain values; {way_out}.")

    def rows(self, problems: list[Problem]) -> Iterator[Row]:  # noqa: ARG002 - every row of Parquet fits its header
        """Yield all rows."""
        number = 0
        with reading_parquet(self.path) as file:
            for batch in file.iter_batches(batch_size=4096, columns=list(self.columns)):
                for cells in zip(*map(_values, batch.columns), strict=True):
                    number += 1
                    yield Row(number, cells)


@contextmanager
def reading_parquet(path: Path) -> Iterator[Any]:
    """Open a ``pyarrow.parquet.ParquetFile``; what a damaged one raises becomes an :class:`InputError`."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read as Parquet: {reason}.") from None


def _is_plain(kind: pa.DataType) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    tests = (types.is_boolean, types.is_integer, types.is_floating, types.is_string, types.is_large_string)
    more = (types.is_string_view, types.is_timestamp, types.is_date, types.is_decimal, types.is_null)
    return any(test(value) for test in (*tests, *more))


def _values(column: pa.Array) -> list[Any]:
    """Read a column as Python values; unsigned 64-bit numbers, usually hashes, become text: int64 has no room."""
    values: list[Any] = column.to_pylist()
    if str(column.type) == "uint64":
        return [None if value is None else str(value) for value in values]
    return values


def _checked_header(path: Path, cells: Sequence[Cell]) -> tuple[str, ...]:
    columns = tuple(str(cell) for cell in cells)
    twice = next((name for at, name in enumerate(columns) if name and name in columns[:at]), None)
    if twice is not None:
        raise InputError(f"{path} has two columns named '{twice}'; rename one of them.")
    if not any(columns):
        raise InputError(f"{path} names no columns that describe its rows; add one, for example label.")
    return columns


def place(path: Path, number: int) -> str:
    """Say where a row is: file name and row number. The folder is left out, so that stores can be compared."""
    return f"{path.name} row {number}"


def shown(columns: Iterable[str]) -> str:
    """Join the names of columns for a message: the first twelve of those that have a name."""
    return first_names(filter(None, columns), 12)


def find_columns(table: Table, fields: Iterable[str], renamed: Mapping[str, str | None]) -> dict[str, int]:
    """Find the position of each of ``fields`` that the table has.

    Args:
        table: the table.
        fields: our names, looked up under themselves unless renamed.
        renamed: our name -> the table's name; None where the column must not be used for it.

    Raises:
        InputError: ``renamed`` names a field we do not have, or a column the table does not have.
    """
    known = tuple(fields)
    for field, column in renamed.items():
        if field not in known:
            raise InputError(
                f"There is no field '{field}' to rename.{suggest(field, known)} Fields: {', '.join(known)}."
            )
        if column is not None and column not in table.columns:
            have = f"{suggest(column, table.columns)} It has: {shown(table.columns)}."
            raise InputError(f"{table.path} has no column '{column}'.{have}")
    names = {field: renamed.get(field, field) for field in known}
    return {field: table.columns.index(name) for field, name in names.items() if name and name in table.columns}


def as_text(cell: Cell) -> str | None:
    """Read an identity, a label or a camera: always text, stripped; whole floats lose their ``.0``; empty is None."""
    if isinstance(cell, float):
        if math.isnan(cell):
            return None
        return str(int(cell)) if cell.is_integer() else str(cell)
    return None if cell is None else str(cell).strip() or None


def as_time(cell: Cell) -> datetime | None:
    """Read a date: ISO 8601, or ``YYYY:MM:DD hh:mm:ss`` as cameras write it. Times with a zone become UTC.

    Raises:
        ValueError: the text is no date.
    """
    if isinstance(cell, str):
        cell = datetime.fromisoformat(re.sub(r"^(\d{4}):(\d\d):(\d\d)\b", r"\1-\2-\3", cell)) if cell else None
    if isinstance(cell, datetime):
        return cell if cell.tzinfo is None else cell.astimezone(UTC).replace(tzinfo=None)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - stored times carry no zone
    if cell is None:
        return None
    raise ValueError(cell)


@dataclass(frozen=True)
class MetaColumn:
    """A column of metadata: its snake_case name, where it stands, and how a cell becomes a value."""

    name: str
    position: int
    read: Callable[[Cell], MetaValue]


def meta_columns(table: Table, taken: Iterable[int]) -> tuple[MetaColumn, ...]:
    """Type every column that is not ``taken``, by looking at all of its values.

    A column of whole numbers is int, of numbers float, of true/false bool, and text otherwise; numbers with
    leading zeros are text, because they are names. Empty cells are None. Columns without a name are left out.

    Raises:
        InputError: two columns get the same name.
    """
    used = set(taken)
    free = [at for at, name in enumerate(table.columns) if name and not name.startswith("__index") and at not in used]
    kinds = _infer(table, free) if not table.typed else {}
    found: dict[str, MetaColumn] = {}
    for at in free:
        name = snake_case(table.columns[at]) or f"column_{at + 1}"
        if name in found:
            other = table.columns[found[name].position]
            raise InputError(
                f"{table.path}: columns '{other}' and '{table.columns[at]}' would both become '{name}'; rename one."
            )
        found[name] = MetaColumn(name, at, _READERS[kinds[at]] if at in kinds else _from_python)
    return tuple(found.values())


def snake_case(name: str) -> str:
    """Write a column name as lower-case ASCII words: ``skinColor``, ``Skin Color`` -> ``skin_color``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_").removeprefix("meta_")


def kind_of(text: str) -> str:
    """Tell what one cell looks like: ``empty``, ``bool``, ``int``, ``float`` or ``str``."""
    if not text:
        return "empty"
    if _INT.fullmatch(text):
        return "int" if len(text) <= 20 and int(text) in _INT64 else "str"
    if _FLOAT.fullmatch(text):
        return "float" if math.isfinite(float(text)) else "str"
    return "bool" if text.lower() in {"true", "false"} else "str"


def _join(one: str, other: str) -> str:
    if "empty" in (one, other) or one == other:
        return one if other == "empty" else other
    return "float" if {one, other} == {"int", "float"} else "str"


def _infer(table: Table, positions: Sequence[int]) -> dict[int, str]:
    kinds = dict.fromkeys(positions, "empty")
    open_positions = list(positions)
    for row in table.rows([]):
        for at in open_positions:
            kinds[at] = _join(kinds[at], kind_of(str(row.cells[at])))
        if "str" in kinds.values():
            open_positions = [at for at in open_positions if kinds[at] != "str"]
        if not open_positions:
            break
    return kinds


_READERS: dict[str, Callable[[Cell], MetaValue]] = {
    "empty": lambda _: None,
    "bool": lambda cell: str(cell).lower() == "true" if cell else None,
    "int": lambda cell: int(str(cell)) if cell else None,
    "float": lambda cell: float(str(cell)) if cell else None,
    "str": lambda cell: str(cell) or None,
}


def _from_python(cell: Cell) -> MetaValue:
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, float) and math.isnan(cell):
        return None
    return cell if cell != "" else None
