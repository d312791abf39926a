"""Several Parquet files read as one table."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from indexers.tables import Cell, TableRow, reading_parquet, row_location
from indexers.tables.base import checked_header
from indexers.tables.parquet_table import ParquetTable
from retrieval.errors import first_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from retrieval.types import SourceProblem


class ShardedTable:
    """Rows of several Parquet files, one file after the other, with the columns of all of them.

    A cell whose file lacks the column is None. A column of another kind in each file, such as numbers and texts, is
    text; a note says so.

    Args:
        path: the folder, for messages.
        shards: the files, and their numbers of rows.
        without: columns to leave out.

    Raises:
        InputError: a file is damaged, or repeats a column.
    """

    typed = True

    def __init__(self, path: Path, shards: Sequence[tuple[Path, int]], without: frozenset[str] = frozenset()) -> None:
        self.path = path
        self._shards = list(shards)
        self._ends = list(accumulate(rows for _, rows in shards))
        self._tables = [ParquetTable(file) for file, _ in shards]
        self.ignored = {name: kind for table in self._tables for name, kind in table.ignored.items()}
        self.skipped: Counter[str] = Counter()
        names = dict.fromkeys(name for table in self._tables for name in table.columns if name not in without)
        self.columns = checked_header(path, list(names))
        self._texts = self._mixed()
        self.notes = [
            f"Columns of several kinds, read as text: {first_names(self._texts, 6)}."
        ] if self._texts else []  # fmt: skip

    def location(self, number: int) -> str:
        """Return the name of the file and the number of the row in it, for messages."""
        shard = bisect_left(self._ends, number)
        return row_location(self._shards[shard][0], number - (self._ends[shard - 1] if shard else 0))

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows of all files; ``problems`` stays as it is."""
        number = 0
        texts = [name in self._texts for name in self.columns]
        for table in self._tables:
            at = {name: place for place, name in enumerate(table.columns)}
            places = [at.get(name) for name in self.columns]
            for row in table.rows(problems):
                number += 1
                cells = [None if place is None else row.cells[place] for place in places]
                yield TableRow(number, [_text(cell) if text else cell for cell, text in zip(cells, texts, strict=True)])

    def _mixed(self) -> tuple[str, ...]:
        """Return the columns that are of another kind in each file."""
        kinds: dict[str, set[str]] = {name: set() for name in self.columns}
        for path, _ in self._shards:
            with reading_parquet(path) as file:
                for field in file.schema_arrow:
                    if field.name in kinds:
                        kinds[field.name] |= _kind(field.type)
        return tuple(name for name, several in kinds.items() if len(several) > 1)


def _kind(kind: pa.DataType) -> set[str]:
    """Return the kind of a column; none if all its cells are empty."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_null(kind):
        return set()
    if types.is_integer(kind) or types.is_floating(kind):
        return {"number"}
    return {"text" if "string" in str(kind) else str(kind)}


def _text(cell: Cell) -> str | None:
    return None if cell is None else str(cell)
