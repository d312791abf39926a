"""What every kind of table has: a path, named columns, and rows that are read again at every call."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from retrieval.errors import InputError, first_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from retrieval.types import SourceProblem

Cell: TypeAlias = str | int | float | bool | datetime | date | Decimal | None


class TableRow(NamedTuple):
    """One row. ``number`` is its first line in a text file, else its number in the file from 1."""

    number: int
    cells: Sequence[Cell]


class InputTable(Protocol):
    """A table file.

    ``columns`` are the names in its header, ``typed`` is whether its columns declare their types. ``notes`` are
    sentences on how the file was understood, ``ignored`` maps columns that hold no plain values to their types.
    ``skipped`` counts, after ``rows``, the lines that are no rows: blank lines, comments, repeated headers.
    """

    path: Path
    columns: tuple[str, ...]
    typed: bool
    notes: list[str]
    ignored: dict[str, str]
    skipped: Counter[str]

    def location(self, number: int) -> str:
        """Return the file name and the number of a row, for messages."""
        ...

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows from the first one; append rows that cannot be used to ``problems``."""
        ...


def checked_header(path: Path, cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the cells of a header as names of columns.

    Raises:
        InputError: two columns have one name, or none has a name.
    """
    columns = tuple(str(cell) for cell in cells)
    twice = next((name for name, count in Counter(columns).items() if name and count > 1), None)
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
