"""Rows that are joined from several tables of an export, one per image that was downloaded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from indexers.sources.image_paths import AMBIGUOUS
from indexers.tables import TableOptions, TableRow, as_text, list_columns, open_table
from retrieval.errors import InputError, MissingFileError, first_names
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from indexers.sources.photo_files import PhotoFiles, PhotoWay
    from indexers.tables import Cell, InputTable

Cells = dict[str, str]
PLAIN_TABS = TableOptions(delimiter="tab", quoting="none")
"""Exports of GBIF and iNaturalist are divided by tabs, and a quotation mark in them is text."""


class ExportTable:
    """One table of an export, of which some columns are read as text.

    Args:
        path: the table; the same name with ``.gz`` is taken, too.
        needed: columns that it must have.
        wanted: columns that are read where it has them.

    Raises:
        MissingFileError: there is no such table.
        InputError: a needed column is not there.
    """

    def __init__(self, path: Path, needed: Sequence[str], wanted: Sequence[str] = ()) -> None:
        packed = path.with_name(f"{path.name}.gz")
        if not path.is_file() and not packed.is_file():
            raise MissingFileError(f"There is no table {path}.")
        self.table: InputTable = open_table(path if path.is_file() else packed, options=PLAIN_TABS)
        self.name = self.table.path.name
        if lacking := [name for name in needed if name not in self.table.columns]:
            raise InputError(
                f"{self.table.path} has no column {first_names(lacking)}; it has: {list_columns(self.table.columns)}."
            )
        names = dict.fromkeys((*needed, *wanted))
        self.places = {name: self.table.columns.index(name) for name in names if name in self.table.columns}

    def rows(self, problems: list[SourceProblem] | None = None) -> Iterator[tuple[int, Cells]]:
        """Yield number and cells of every row; those that cannot be used are appended to ``problems``."""
        for row in self.table.rows([] if problems is None else problems):
            yield row.number, {name: as_text(row.cells[at]) or "" for name, at in self.places.items()}


class JoinedTable:
    """Rows in memory: no more than images were downloaded.

    Args:
        path: folder of the export, for messages.
        columns: names of the columns, of which the first is ``filepath``.
    """

    typed = False

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.notes: list[str] = []
        self.ignored: dict[str, str] = {}
        self.skipped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.problems: list[SourceProblem] = []
        self.refused: set[str] = set()  # images of rows that are problems
        self._rows: list[tuple[str, Cells]] = []

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def images(self) -> int:
        """Return the number of images that rows have, of which several may have one."""
        return len({cells["filepath"] for _, cells in self._rows})

    def add(self, where: str, cells: Cells) -> None:
        """Append a row, and where it comes from."""
        self._rows.append((where, cells))

    def one_image(self, where: str, way: PhotoWay, cells: Cells) -> str | None:
        """Return the image of a row; None, and a problem, if there are several."""
        uris = way.find(cells)
        if len(uris) > 1:
            reason = f"several images fit: {first_names(uris, 3)}; set `image_root` to the folder that is meant"
            self.refuse(where, reason, AMBIGUOUS, uris)
            return None
        return uris[0]

    def refuse(self, where: str, reason: str, kind: str, uris: Sequence[str]) -> None:
        """Append a row with images to the problems."""
        self.problems.append(SourceProblem(where, reason, kind=kind))
        self.refused.update(uris)

    def location(self, number: int) -> str:
        """Return table and number of a row, for messages."""
        return self._rows[number - 1][0]

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows; append those that cannot be used to ``problems``."""
        self.skipped = self.left_out.copy()
        problems += self.problems
        for number, (_, cells) in enumerate(self._rows, 1):
            row: list[Cell] = [cells.get(name, "") for name in self.columns]
            yield TableRow(number, row)


def no_images(path: Path, root: Path, files: PhotoFiles, rows: str, ways: Sequence[PhotoWay]) -> InputError:
    """Make the error for an export none of whose rows has an image."""
    shown = f" ({first_names(files.uris, 2)})" if files.uris else ""
    matched_by = ", or by ".join(way.what for way in ways)
    return InputError(
        f"None of the {rows} of {path} has an image below {root}, which holds {len(files.uris):,} images{shown}. "
        f"Images are matched by {matched_by}; rename them so, or set `image_root` to their folder."
    )
