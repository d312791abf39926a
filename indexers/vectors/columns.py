"""Read vectors from columns of CSV, TSV and Parquet: one number per column, or a column of lists (Parquet)."""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.tables import list_columns, open_table, reading_parquet, row_location
from indexers.tables.text_table import TextTable
from indexers.vectors.named_arrays import checked_vectors
from retrieval.config import split_commas
from retrieval.errors import InputError, UnknownOptionError, suggest
from retrieval.limits import check_expansion

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pyarrow as pa

    from indexers.tables import Cell
    from retrieval.types import Float32, SourceProblem

_BLOCK_BYTES = 1 << 24
_LISTS = 4096
"""Rows of lists that are read at one time."""

_LARGEST = float(np.finfo(np.float32).max)


def choose_columns(path: Path, names: Sequence[str], selection: str, fields: Collection[str] = ()) -> tuple[str, ...]:
    """Return the columns of a file that hold its vectors.

    Args:
        path: the file, for messages.
        names: names of its columns, in order.
        selection: name of one column, or names and patterns with commas between, such as ``margin*,shape*,area``.
            Columns are ordered by parts of the selection, then as in the file.
        fields: columns of fields, such as the file path and the label, that patterns do not match.

    Raises:
        InputError: a part matches no column.
    """
    if selection in names:
        return (selection,)
    columns: dict[str, None] = {}
    for part in filter(None, split_commas(selection)):
        matches = [part] if part in names else [n for n in names if n not in fields and fnmatchcase(n, part)]
        if not matches:
            raise UnknownOptionError(
                f"{path} has no column '{part}' of vectors.{suggest(part, names)} {_way_out(names)}"
            )
        columns |= dict.fromkeys(matches)
    if not columns:
        raise InputError(f"'{selection}' names no columns of {path}. {_way_out(names)}")
    return tuple(columns)


def _way_out(names: Sequence[str]) -> str:
    return f"It has: {list_columns(names)}; say which with `vectors=NAME` or `vectors=PATTERN*,...`."


def text_vectors(path: Path, columns: Sequence[str]) -> Float32:
    """Read columns of numbers of a CSV or TSV file as vectors (n, d) float32.

    Raises:
        InputError: a cell is not a finite number, a row has another width than the header, or a vector is all zero.
    """
    import pyarrow as pa
    from pyarrow import csv

    opened = open_table(path)
    assert isinstance(opened, TextTable)  # noqa: S101 - by its suffix
    _check_header(opened)
    header = opened.columns
    at = {name: str(number) for number, name in enumerate(header)}
    positions = [at[name] for name in columns]
    if opened.header_line != 1:
        return _slow_vectors(opened, columns)
    try:
        # Columns are named by position, because cells of the header may be padded or empty.
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=[str(at) for at in range(len(header))], skip_rows=1, block_size=_BLOCK_BYTES),
            csv.ParseOptions(delimiter=opened.dialect.delimiter, newlines_in_values=True),
            csv.ConvertOptions(include_columns=positions, column_types=dict.fromkeys(positions, pa.float32())),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        _refuse_bad_cell(path, columns)
        if not isinstance(error, OSError):  # what pyarrow cannot read, but the reader of tables can: other encodings
            return _slow_vectors(opened, columns)
        raise InputError(f"{path} cannot be read as a table of numbers: {str(error).splitlines()[0]}.") from None
    vectors = _matrix(table)
    if not np.isfinite(vectors).all():
        _refuse_bad_cell(path, columns)
    return checked_vectors(vectors, f"the columns {list_columns(columns)} of {path}")


def _check_header(table: TextTable) -> None:
    """Refuse a first line of numbers: it would be lost as names of columns."""
    names = [name for name in table.columns if name]
    numbered = names in ([str(at) for at in range(len(names))], [str(at + 1) for at in range(len(names))])
    if not table.has_header or (len(names) > 1 and all(map(_is_number, names)) and not numbered):
        raise InputError(
            f"{table.path} has no header line, its first line holds values; put names of columns on top, such as "
            "v0,v1,..., or save the numbers with np.save and give a table with `metadata`."
        )


def _slow_vectors(table: TextTable, columns: Sequence[str]) -> Float32:
    """Read columns of numbers through the reader of tables."""
    _refuse_bad_cell(table.path, columns)
    positions = [table.columns.index(name) for name in columns]
    rows = [[float(str(row.cells[at])) for at in positions] for row in table.rows([])]
    return checked_vectors(np.array(rows, np.float64), f"the columns {list_columns(columns)} of {table.path}")


def _matrix(table: pa.Table) -> Float32:
    """Return columns of numbers as a matrix (n, d) float32; empty cells are NaN."""
    vectors = np.empty((table.num_rows, table.num_columns), np.float32)
    with np.errstate(over="ignore"):
        for at, column in enumerate(table.columns):
            vectors[:, at] = column.to_numpy()
    return vectors


def _refuse_bad_cell(path: Path, columns: Sequence[str]) -> None:
    """Raise InputError for the first row or cell that cannot be used, if there is one."""
    table = open_table(path)
    numbers = {name: number for number, name in enumerate(table.columns)}
    positions = [(name, numbers[name]) for name in columns]
    problems: list[SourceProblem] = []
    for row in table.rows(problems):
        for name, at in positions:
            if not problems and not _is_number(row.cells[at]):
                cell = f"holds '{str(row.cells[at])[:60]}', which is no finite number" if row.cells[at] else "is empty"
                raise InputError(
                    f"{row_location(path, row.number)}: column '{name}' {cell}; correct it or drop the row."
                )
        if problems:
            break
    if problems:
        raise InputError(f"{problems[0].where} {problems[0].reason}; every vector needs its row.")


def _is_number(cell: Cell) -> bool:
    try:
        return abs(float(str(cell))) <= _LARGEST
    except ValueError:
        return False


def parquet_vectors(path: Path, columns: Sequence[str]) -> Float32:
    """Read one column of lists, or columns of numbers, of a Parquet file as vectors (n, d) float32.

    Raises:
        InputError: a column has another type, lists differ in length, or a number is missing or not finite.
    """
    with reading_parquet(path) as file:
        kinds = {name: file.schema_arrow.field(name).type for name in columns}
        if len(columns) > 1:
            _check_numbers(path, kinds)
        most = _check_size(path, columns)
        if len(columns) == 1:
            return _list_column(file, columns[0], most, f"Column '{columns[0]}' of {path}")
        table = file.read(columns=list(columns)).select(list(columns))
    vectors = _matrix(table)
    bad = np.argwhere(~np.isfinite(vectors))
    if len(bad):
        row, at = bad[0]
        raise InputError(
            f"{row_location(path, int(row) + 1)}: column '{columns[at]}' is empty or no finite number; correct it or "
            "drop the row."
        )
    return checked_vectors(vectors, f"the columns {list_columns(columns)} of {path}")


_WRITE_SIZES = """
import sys
from pyarrow.parquet import read_metadata
metadata = read_metadata(sys.argv[1])
for group in map(metadata.row_group, range(metadata.num_row_groups)):
    for column in map(group.column, range(group.num_columns)):
        name = ascii(column.path_in_schema.partition(".")[0])
        sys.stdout.write(f"{column.total_compressed_size} {column.num_values} {name}" + chr(10))
"""
"""Writes the bytes and the values of every column; a program of its own, because damaged metadata end the process."""


def _check_size(path: Path, columns: Sequence[str]) -> int:
    """Compare the number of values of columns with their bytes in the file, before memory is taken for them.

    Returns:
        The number of values.
    """
    command = [sys.executable, "-P", "-c", _WRITE_SIZES, str(path.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{path} cannot be read as Parquet: its metadata are damaged; write the file again.")
    names = {ascii(name) for name in columns}
    sizes = [line.split(" ", 2) for line in done.stdout.splitlines()]
    stored, values = (sum(int(size[at]) for size in sizes if size[2] in names) for at in range(2))
    what = f"Column '{columns[0]}' of {path}" if len(columns) == 1 else f"The columns {list_columns(columns)} of {path}"
    check_expansion(stored, 4 * values, what, "save such vectors with np.save, and the other columns as a table")
    return values


def _check_numbers(path: Path, kinds: dict[str, Any]) -> None:
    from pyarrow import types

    for name, kind in kinds.items():
        if not (types.is_integer(kind) or types.is_floating(kind)):
            raise InputError(f"Column '{name}' of {path} holds {kind}, not numbers; leave it out of `vectors`.")


def _list_column(file: Any, name: str, most: int, what: str) -> Float32:
    """Read a column of lists in parts, as vectors (n, d).

    Args:
        file: the open Parquet file.
        name: the column.
        most: number of values that the file says the column has.
        what: name of the column for messages.
    """
    from pyarrow import types

    kind = file.schema_arrow.field(name).type
    if not any(test(kind) for test in (types.is_list, types.is_large_list, types.is_fixed_size_list)):
        raise InputError(f"{what} holds {kind}, not lists of numbers.")
    rows, start, vectors = file.metadata.num_rows, 0, np.empty((0, 0), np.float32)
    for batch in file.iter_batches(batch_size=_LISTS, columns=[name]):
        part = _lists(batch.column(0), start, vectors.shape[1], what)
        if not start:
            if part.shape[1] * rows > most:
                raise InputError(f"{what} claims {rows:,} rows, more than it holds; write the file again.")
            vectors = np.empty((rows, part.shape[1]), np.float32)
        vectors[start : start + len(part)] = part
        start += len(part)
    if not start:
        raise InputError(f"{what} has empty cells or no rows; drop those rows.")
    return checked_vectors(vectors[:start], what)


def _lists(column: pa.Array, start: int, dimension: int, what: str) -> Float32:
    """Return lists of numbers as vectors; ``dimension`` is that of the rows before, of which there are ``start``."""
    if column.null_count:
        raise InputError(f"{what} has empty cells or no rows; drop those rows.")
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    first = dimension if start else int(lengths[0])
    if (lengths != first).any():
        at = int(np.argmax(lengths != first))
        raise InputError(f"{what}: row {start + at} (counted from 0) has {lengths[at]} numbers, row 0 has {first}.")
    values = column.flatten().to_numpy(zero_copy_only=False)
    if values.dtype.kind not in "fiu" or not first:
        raise InputError(f"Vectors must be numbers of shape (rows, dimension); {what} holds {column.type}.")
    with np.errstate(over="ignore"):
        part: Float32 = values.reshape(len(column), first).astype(np.float32)
    return part
