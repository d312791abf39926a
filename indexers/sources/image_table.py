"""Rows of Parquet files that hold images, without reading the images."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from indexers.sources.image_file import ImageColumnError, ImageFile
from indexers.sources.shard_files import note_split_folders, shard_word
from indexers.tables import TableRow
from retrieval.containers import SEPARATOR
from retrieval.errors import InputError
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from indexers.sources.shard_files import ShardFiles
    from indexers.tables import Cell

DAMAGED, WITHOUT_IMAGES = "damaged files", "files without a column of images"
UNNAMED = "rows of a class without a name"

_FILE_ROWS = 10**9
"""More rows than a file has: row n of file k has the number k * 10^9 + n."""


class ImageTable:
    """The rows of Parquet files with images; ``filepath`` is the address of the image.

    Args:
        path: what the user gave, for messages.
        shards: the files.
        column: the column of images; None finds it.
        words: words that the option ``split`` maps.

    Attributes:
        missing: reasons of rows that have no image, by their ``filepath``.
        classes: columns whose numbers are classes with names.

    Raises:
        InputError: no file has a column of images, or it is not clear which it is.
    """

    typed = True

    def __init__(self, path: Path, shards: ShardFiles, column: str | None, words: Collection[str]) -> None:
        self.path = path
        self.notes: list[str] = []
        self.skipped: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._problems: list[SourceProblem] = []
        self._files: list[tuple[str, ImageFile]] = []
        self._words: list[str | None] = []
        for name, file in shards.paths():
            self._add(name, file, column, words)
        if not self._files:
            first = next((f" ({problem.reason.rstrip('.')})" for problem in self._problems), "")
            named = f" '{column}'" if column else ""
            raise InputError(
                f"{path} has no column of images{named} in its {len(shards.names):,} files{first}; if they list image "
                "files, index one with `source=manifest`."
            )
        self._set_columns()
        if self._split_at is not None:
            self.notes += note_split_folders((name for name, _ in self._files), words)
        self.missing = self._find_missing()

    def location(self, number: int) -> str:
        """Return the file and the number of a row, for messages."""
        file, row = divmod(number, _FILE_ROWS)
        return f"{self._files[file][0]} row {row}"

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows of all files; files that cannot be read are appended to ``problems``."""
        self.skipped = self._skipped.copy()
        problems += self._problems
        for at, ((name, file), word) in enumerate(zip(self._files, self._words, strict=True)):
            table = file.table
            if table is None:
                continue
            positions = {column: place for place, column in enumerate(table.columns)}
            places = [positions.get(_RENAMED.get(column, column)) for column in self.columns]
            names = {positions[column]: names for column, names in file.classes.items() if column in positions}
            try:
                for row in table.rows([]):
                    cells: list[Cell] = [None if place is None else row.cells[place] for place in places]
                    try:
                        for place, classes in names.items():
                            cells[places.index(place)] = _class_name(row.cells[place], classes)
                    except ValueError as error:
                        reason = f"its {table.columns[place]} is {error}"
                        where = self.location(at * _FILE_ROWS + row.number)
                        problems.append(SourceProblem(where, reason, kind=UNNAMED))
                        continue
                    cells[0] = f"{name}{SEPARATOR}{file.column}/{row.number}"
                    if self._split_at is not None:
                        cells[self._split_at] = word
                    yield TableRow(at * _FILE_ROWS + row.number, cells)
            except InputError as error:
                problems.append(SourceProblem(name, str(error), kind=DAMAGED))

    def _add(self, name: str, path: Path, column: str | None, words: Collection[str]) -> None:
        try:
            file = ImageFile(path, column)
        except ImageColumnError:
            raise
        except InputError as error:
            self._problems.append(SourceProblem(name, str(error), kind=DAMAGED))
            return
        if file.table is None:
            self._skipped[WITHOUT_IMAGES] += 1
            return
        self._files.append((name, file))
        self._words.append(shard_word(name, words))

    def _set_columns(self) -> None:
        """Unite the columns of all files; those of a name that the table needs itself get another."""
        tables = [file.table for _, file in self._files if file.table is not None]
        taken = {inside: name for name, inside in _RENAMED.items()}
        names = [taken.get(name, name) for table in tables for name in table.columns]
        columns = dict.fromkeys(["filepath", *names])
        self._split_at = None
        if "split" not in columns and any(self._words):
            columns["split"] = None
            self._split_at = len(columns) - 1
        self.columns = tuple(columns)
        self.ignored = {name: kind for table in tables for name, kind in table.ignored.items()}
        named = dict.fromkeys(name for _, file in self._files for name in file.classes)
        self.classes = tuple(name for name in named if name in columns)
        for name in self.classes:
            bare = [shard for shard, file in self._files if name in file.numbers and name not in file.classes]
            if bare:
                self.notes.append(
                    f"{len(bare):,} of {len(self._files):,} files do not name the classes of '{name}', whose numbers "
                    f"stay numbers there, so one class may count as two (first {bare[0]}); index such files apart."
                )

    def _find_missing(self) -> dict[str, str]:
        missing = {}
        for name, file in self._files:
            try:
                for number in file.empty_rows():
                    missing[f"{name}{SEPARATOR}{file.column}/{number}"] = f"the cell '{file.column}' has no image"
            except InputError:
                continue  # opening the images tells of it
        return missing


_RENAMED = {"original_filepath": "filepath"}
"""Columns of the table whose name in the files is another."""


def _class_name(cell: Cell, names: list[str]) -> Cell:
    """Return the name of a class; a number below 0 and an empty cell are none, and a text that is no number stays.

    Where cells are missing, pandas writes the numbers as floats; unsigned ones come as text.

    Raises:
        ValueError: no class has the number; the message is what it is.
    """
    if isinstance(cell, str):
        if cell in names or not re.fullmatch(r"-?[0-9]{1,20}", cell.strip()):
            return cell
    elif not isinstance(cell, int | float | Decimal) or cell != cell:  # noqa: PLR0124 - NaN is unlike itself
        return None if isinstance(cell, float | Decimal) else cell
    number = float(cell)
    if not number.is_integer() or number >= len(names):
        raise ValueError(f"class {cell}, and the names of classes in the file end at {len(names) - 1:,}")
    return None if number < 0 else names[int(number)]
