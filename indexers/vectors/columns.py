"""Vectors that stand in columns of a table, one number per column (CSV, TSV, Parquet), or as lists in one column."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.tables import DELIMITERS, open_table, place, reading_parquet, shown
from indexers.vectors.arrays import checked_vectors
from retrieval.config import split_commas
from retrieval.errors import InputError, suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import pyarrow as pa

    from indexers.tables import Cell
    from retrieval.types import Float32, Problem

_BLOCK_BYTES = 1 << 24
_LARGEST = float(np.finfo(np.float32).max)


def choose_columns(path: Path, names: Sequence[str], asked: str, taken: Collection[str] = ()) -> tuple[str, ...]:
    """Find the columns that ``asked`` means: an exact name, or names and patterns with commas between.

    Args:
        path: the file, for messages.
        names: its columns, in order.
        asked: such as ``margin*,shape*,area``; the order of the parts, then of the file, is that of the numbers.
        taken: columns that are something else (the file path, the label); patterns pass over them.

    Raises:
        InputError: a part matches no column.
    """
    if asked in names:
        return (asked,)
    found: dict[str, None] = {}
    for part in filter(None, split_commas(asked)):
        one = [part] if part in names else [name for name in names if name not in taken and fnmatchcase(name, part)]
        if not one:
            raise InputError(f"{path} has no column '{part}' of vectors.{suggest(part, names)} {_way_out(names)}")
        found |= dict.fromkeys(one)
    if not found:
        raise InputError(f"'{asked}' names no columns of {path}. {_way_out(names)}")
    return tuple(found)


def _way_out(names: Sequence[str]) -> str:
    return f"It has: {shown(names)}; say which with `vectors=NAME` or `vectors=PATTERN*,...`."


def text_vectors(path: Path, columns: Sequence[str]) -> Float32:
    """Read columns of numbers of a CSV or TSV file as (n, d) float32.

    Raises:
        InputError: a cell is no finite number, a row has another width than the header, or a row is all zero.
    """
    import pyarrow as pa
    from pyarrow import csv

    header = open_table(path).columns
    chosen = [str(header.index(name)) for name in columns]
    try:
        # Columns go by their position: the header's cells may be padded, or repeat the empty name.
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=[str(at) for at in range(len(header))], skip_rows=1, block_size=_BLOCK_BYTES),
            csv.ParseOptions(delimiter=DELIMITERS[path.suffix.lower()], newlines_in_values=True),
            csv.ConvertOptions(include_columns=chosen, column_types=dict.fromkeys(chosen, pa.float32())),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        _explain(path, columns)
        raise InputError(f"{path} cannot be read as a table of numbers: {str(error).splitlines()[0]}.") from None
    vectors = _matrix(table)
    if not np.isfinite(vectors).all():
        _explain(path, columns)
    return checked_vectors(vectors, f"the columns {shown(columns)} of {path}")


def _matrix(table: pa.Table) -> Float32:
    """Columns of numbers as the columns of (n, d) float32; empty cells are NaN."""
    vectors = np.empty((table.num_rows, table.num_columns), np.float32)
    with np.errstate(over="ignore"):
        for at, column in enumerate(table.columns):
            vectors[:, at] = column.to_numpy()
    return vectors


def _explain(path: Path, columns: Sequence[str]) -> None:
    """Raise the sentence for the first row or cell that cannot be used, if there is one."""
    table = open_table(path)
    places = [(name, table.columns.index(name)) for name in columns]
    problems: list[Problem] = []
    for row in table.rows(problems):
        for name, at in places:
            if not problems and not _is_number(row.cells[at]):
                cell = f"holds '{row.cells[at]}', which is no finite number" if row.cells[at] else "is empty"
                raise InputError(f"{place(path, row.number)}: column '{name}' {cell}; correct it or drop the row.")
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
    """Read one column of lists, or columns of numbers, of a Parquet file as (n, d) float32.

    Raises:
        InputError: a column is of another kind, lists differ in length, or a number is missing or not finite.
    """
    with reading_parquet(path) as file:
        kinds = {name: file.schema_arrow.field(name).type for name in columns}
        if len(columns) > 1:
            _check_numbers(path, kinds)
        table = file.read(columns=list(columns)).select(list(columns))
    if len(columns) == 1:
        return _list_column(table.column(0), f"Column '{columns[0]}' of {path}")
    vectors = _matrix(table)
    bad = np.argwhere(~np.isfinite(vectors))
    if len(bad):
        row, at = bad[0]
        raise InputError(
            f"{place(path, int(row) + 1)}: column '{columns[at]}' is empty or no finite number; correct it or drop "
            "the row."
        )
    return checked_vectors(vectors, f"the columns {shown(columns)} of {path}")


def _check_numbers(path: Path, kinds: dict[str, Any]) -> None:
    from pyarrow import types

    for name, kind in kinds.items():
        if not (types.is_integer(kind) or types.is_floating(kind)):
            raise InputError(f"Column '{name}' of {path} holds {kind}, not numbers; leave it out of `vectors`.")


def _list_column(column: pa.ChunkedArray, what: str) -> Float32:
    """Read a column of lists as (n, d)."""
    from pyarrow import types

    if not any(test(column.type) for test in (types.is_list, types.is_large_list, types.is_fixed_size_list)):
        raise InputError(f"{what} holds {column.type}, not lists of numbers.")
    if column.null_count or not len(column):
        raise InputError(f"{what} has empty cells or no rows; drop those rows.")
    lengths = np.concatenate([chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in column.chunks])
    if (lengths != lengths[0]).any():
        at = int(np.argmax(lengths != lengths[0]))
        raise InputError(f"{what}: row {at} (counted from 0) has {lengths[at]} numbers, row 0 has {lengths[0]}.")
    # Chunk by chunk: the offsets of one joined list would overflow beyond 2^31 numbers.
    values = np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks])
    return checked_vectors(values.reshape(len(column), int(lengths[0])), what)
