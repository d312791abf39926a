"""Tables in Parquet, read in batches."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from indexers.tables.base import TableRow, checked_header, row_location
from retrieval.errors import InputError
from retrieval.limits import check_expansion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from retrieval.types import SourceProblem

ROW_BYTES = 128
"""Bytes that a row takes in memory, roughly: rows of paths that differ cannot be packed into less than a byte each."""


class ParquetTable:
    """A Parquet file, whose cells are Python values.

    Columns of lists, structs, bytes and the like are left out and named in ``ignored``.

    Args:
        path: the file.
        without: columns to leave out, such as the vectors. If it names any, other columns that are no plain values are
            an error, because one of them may be the vectors that were meant.
        images: columns of images, which are left out and not named in ``ignored``. Of a file with them, every column
            may be left out.

    Raises:
        InputError: the file is damaged, repeats a column or has no column that can be read.
    """

    typed = True

    def __init__(self, path: Path, without: frozenset[str] = frozenset(), images: frozenset[str] = frozenset()) -> None:
        self.path = path
        self.notes: list[str] = []
        self.skipped: Counter[str] = Counter()
        with reading_parquet(path) as file:
            check_expansion(path.stat().st_size, ROW_BYTES * file.metadata.num_rows, f"{path}", "write it as CSV")
            fields = [field for field in file.schema_arrow if field.name not in without | images]
        self.ignored = {field.name: _kind_name(field.type) for field in fields if not _is_plain(field.type)}
        if without and self.ignored:
            name, kind = next(iter(self.ignored.items()))
            raise InputError(
                f"{path}: column '{name}' holds {kind}, not plain values; name it as the vector column or drop it."
            )
        names = [field.name for field in fields if field.name not in self.ignored]
        self.columns = () if images and not names else checked_header(path, names)

    def location(self, number: int) -> str:
        """Return the file name and the number of a row, for messages."""
        return row_location(self.path, number)

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:  # noqa: ARG002 - every row of Parquet fits its header
        """Yield all rows; ``problems`` stays as it is."""
        number = 0
        with reading_parquet(self.path) as file:
            if not self.columns:
                yield from (TableRow(number, ()) for number in range(1, file.metadata.num_rows + 1))
                return
            for batch in file.iter_batches(batch_size=_batch_size(len(self.columns)), columns=list(self.columns)):
                for cells in zip(*map(_values, batch.columns), strict=True):
                    number += 1
                    yield TableRow(number, cells)


def _batch_size(columns: int) -> int:
    return max(64, min(4096, 1_000_000 // max(1, columns)))


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


def _kind_name(kind: pa.DataType) -> str:
    """Return the type of a column in a few words; ``bytes`` is somewhere in it if it may hold images."""
    text = " ".join(str(kind).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _values(column: pa.Array) -> list[Any]:
    """Return a column as Python values.

    Unsigned 64-bit integers (hashes) become text, as int64 is too small. Times lose what is finer than microseconds;
    a time that Python cannot hold (year 10000) becomes text.
    """
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_timestamp(column.type):
        column = _microseconds(column)
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        values = [_value(cell) for cell in column]
    if str(column.type) == "uint64":
        return [None if value is None else str(value) for value in values]
    return values


def _microseconds(column: pa.Array) -> pa.Array:
    """Convert times to microseconds, in UTC if they have a zone; those that do not fit stay as they are."""
    import pyarrow as pa

    zone = "UTC" if column.type.tz else None
    try:
        return column.cast(pa.timestamp(column.type.unit, zone)).cast(pa.timestamp("us", zone), safe=False)
    except pa.ArrowException:
        return column


def _value(cell: pa.Scalar) -> Any:
    import pyarrow as pa

    try:
        return cell.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        return f"{getattr(cell, 'value', cell)} ({cell.type})"
