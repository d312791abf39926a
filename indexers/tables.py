"""Read CSV, TSV and Parquet tables row by row, and infer the types of metadata columns from all of their values.

Tables are streamed: every call of :meth:`InputTable.rows` reads the file again, and no table is held in memory.
Cells of a text table are stripped text; cells of a Parquet table are Python values.
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
from retrieval.types import MetaValue, SourceProblem

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


class TableRow(NamedTuple):
    """One row. ``number`` is the line in a text table (the header is line 1), or the row of a Parquet file, from 1."""

    number: int
    cells: Sequence[Cell]


class InputTable(Protocol):
    """A table file: ``columns`` are the names in its header; ``typed`` is whether its columns declare their types."""

    path: Path
    columns: tuple[str, ...]
    typed: bool

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows from the first one; append rows of another width than the header to ``problems``."""
        ...


def open_table(path: Path, without: Iterable[str] = ()) -> InputTable:
    """Open a table and check its header.

    Args:
        path: a ``.csv``, ``.tsv``, ``.tab``, ``.parquet`` or ``.pq`` file.
        without: names of Parquet columns to skip, such as the column of vectors.

    Raises:
        MissingFileError: there is no such file.
        InputError: the file has another suffix, is empty, damaged or not UTF-8, or repeats a column name.
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
    """A CSV or TSV file in UTF-8, with or without a byte order mark, with any line ending; cells may be quoted."""

    typed = False

    def __init__(self, path: Path, delimiter: str) -> None:
        self.path = path
        self._delimiter = delimiter
        with self._reading():
            header = next(self._lines(), None)
        if header is None:
            raise InputError(f"{path} is empty; its first line must name the columns, for example filepath,label.")
        self.columns = _checked_header(path, header.cells)

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows after the header, skipping blank lines; rows of another width are appended to ``problems``."""
        width = len(self.columns)
        with self._reading():
            lines = self._lines()
            next(lines, None)
            for row in lines:
                if len(row.cells) == width:
                    yield row
                else:
                    reason = f"has {len(row.cells)} cells, but the header names {width} columns"
                    problems.append(
                        SourceProblem(row_location(self.path, row.number), reason, kind="rows of another width")
                    )

    def _lines(self) -> Iterator[TableRow]:
        # utf-8-sig drops the byte order mark that spreadsheets write.
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            start = 1
            for cells in reader:
                if any("\0" in cell for cell in cells):
                    raise csv.Error(f"line {start} holds a NUL character")
                if any(cells):
                    yield TableRow(start, [cell.strip() for cell in cells])
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
    """A Parquet file, read in batches."""

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

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:  # noqa: ARG002 - every row of Parquet fits its header
        """Yield all rows; ``problems`` stays as it is."""
        number = 0
        with reading_parquet(self.path) as file:
            for batch in file.iter_batches(batch_size=4096, columns=list(self.columns)):
                for cells in zip(*map(_values, batch.columns), strict=True):
                    number += 1
                    yield TableRow(number, cells)


@contextmanager
def reading_parquet(path: Path) -> Iterator[Any]:
    """Open a ``pyarrow.parquet.ParquetFile``.

    Raises:
        InputError: the file is damaged or cannot be read.
    """
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
    """Return a column as Python values; unsigned 64-bit integers (hashes) become text, as int64 is too small."""
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


def row_location(path: Path, number: int) -> str:
    """Return file name and row number for a message. The folder is left out, so that stores can be compared."""
    return f"{path.name} row {number}"


def list_columns(columns: Iterable[str]) -> str:
    """Join the names of columns for a message: the first twelve of those that have a name."""
    return first_names(filter(None, columns), 12)


def find_columns(table: InputTable, fields: Iterable[str], renamed: Mapping[str, str | None]) -> dict[str, int]:
    """Map fields of a sample to the positions of their columns; fields without a column are absent.

    Args:
        table: the table.
        fields: names of the fields. A field's column has the same name unless ``renamed`` gives another.
        renamed: field -> name of its column, or None to leave the field without a column.

    Raises:
        InputError: ``renamed`` has a key that is not in ``fields``, or a column that the table does not have.
    """
    fields = tuple(fields)
    for field, column in renamed.items():
        if field not in fields:
            raise InputError(
                f"There is no field '{field}' to rename.{suggest(field, fields)} Fields: {', '.join(fields)}."
            )
        if column is not None and column not in table.columns:
            have = f"{suggest(column, table.columns)} It has: {list_columns(table.columns)}."
            raise InputError(f"{table.path} has no column '{column}'.{have}")
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
    return None if cell is None else str(cell).strip() or None


def as_time(cell: Cell) -> datetime | None:
    """Convert a cell to a datetime without time zone; an empty cell is None.

    Text is read as ISO 8601 or as Exif's ``YYYY:MM:DD hh:mm:ss``. Times with a zone are converted to UTC.

    Raises:
        ValueError: the cell is not a date.
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
        columns[name] = MetaColumn(name, at, _READERS[kinds[at]] if at in kinds else _from_python)
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
            kinds[at] = _join(kinds[at], cell_kind(str(row.cells[at])))
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


def _from_python(cell: Cell) -> MetaValue:
    """Convert a cell of Parquet: dates to ISO 8601 text, decimals to float, NaN and empty text to None."""
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, float) and math.isnan(cell):
        return None
    return cell if cell != "" else None
