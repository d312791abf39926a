"""Tables of text: CSV, TSV and lists, with any delimiter, quoted or not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

from indexers.tables.base import TableRow, checked_header, row_location
from indexers.tables.dialect import DELIMITERS, NAMES, choose_dialect, read_records
from indexers.tables.text_file import TextFile
from retrieval.errors import InputError
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexers.tables.dialect import TextRecord

BLANK, COMMENT, HEADER, DAMAGED = "blank lines", "comment lines", "repeated headers", "damaged rows"

_FILE = re.compile(r".*\.(jpe?g|jfif|jpe|png|webp|bmp|tiff?|gif|avif|hei[cf]|jp2|p[bgpn]m)", re.IGNORECASE)


class TextTable:
    """A table of text, quoted or not, in any encoding; cells are text without white space around them.

    A first line with the name of an image is a row: the file has no header, and its columns are named ``1``, ``2``, ...

    Args:
        path: the file.
        suffix: suffix of its name without that of a packer.
        encoding: encoding of the text; None finds it.
        quoting: ``csv``, ``none`` or ``auto``, see :func:`~indexers.tables.dialect.choose_dialect`.
        delimiter: the character between cells; None finds it.

    Raises:
        InputError: the file cannot be read, is empty, or has no header that can be used.
    """

    typed = False

    def __init__(
        self,
        path: Path,
        suffix: str,
        encoding: str | None = None,
        quoting: str = "auto",
        delimiter: str | None = None,
    ) -> None:
        self.path = path
        self.skipped: Counter[str] = Counter()
        self.ignored: dict[str, str] = {}
        self._text = TextFile(path, encoding)
        self.dialect, note = choose_dialect(self._text, suffix, quoting, delimiter)
        self.notes = [*self._text.notes, *([note] if note else [])]
        self.header_line, header = self._find_header()
        self.has_header = not any(_is_file(cell) for cell in header)
        names = list(map(_name, header)) if self.has_header else [str(at + 1) for at in range(len(header))]
        self.columns = checked_header(path, names)
        self._note_delimiter(suffix)

    def _note_delimiter(self, suffix: str) -> None:
        usual = DELIMITERS.get(suffix)
        if usual not in {None, self.dialect.delimiter} and len(self.columns) > 1:
            name = NAMES.get(self.dialect.delimiter, f"'{self.dialect.delimiter}'")
            self.notes.append(f"{self.path.name} is separated by {name}s.")

    def _find_header(self) -> tuple[int, list[str]]:
        """Return number and cells of the first line that is neither blank nor a comment."""
        comment: tuple[int, list[str]] | None = None
        for record in read_records(self._text.lines(), self.dialect):
            cells = self._cells(record) or []
            if not any(cells):
                continue
            if cells[0].startswith("#"):
                comment = record.number, self._cells_of(record.lines[0].lstrip("# "))
                continue
            # "# path label" above rows of two cells is a header; "# made on Monday" is a comment.
            if comment is not None and len(comment[1]) == len(cells) > 1 and any(map(_is_file, cells)):
                return comment
            return record.number, cells
        if comment is not None and len(comment[1]) > 1:
            return comment
        raise InputError(f"{self.path} is empty; its first line must name the columns, for example filepath,label.")

    def location(self, number: int) -> str:
        """Return the file name and the number of a row, for messages."""
        return row_location(self.path, number)

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows after the header; rows of another width are appended to ``problems``.

        Raises:
            InputError: a quotation mark takes in whole lines.
        """
        self.skipped = Counter()
        blank = 0  # since the last row; blank lines at the end are not counted
        for record in read_records(self._text.lines(), self.dialect):
            if self.has_header and record.number <= self.header_line:
                self.skipped[COMMENT] += record.number < self.header_line and bool(record.lines[0].strip())
                continue
            cells = self._cells(record)
            if cells is None:
                self._refuse_open_mark(record)
            elif not any(cells):
                blank += len(record.lines)
            else:
                self.skipped[BLANK] += blank
                blank = 0
                yield from self._row(record, cells, problems)

    def _row(self, record: TextRecord, cells: list[str], problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield a row if it is one; else count it or append it to ``problems``."""
        number, fitted = record.number, self._fit(cells)
        if fitted is None and cells[0].startswith("#"):
            self.skipped[COMMENT] += 1
        elif fitted is None:
            lines = f" in lines {number} to {number + len(record.lines) - 1}" if len(record.lines) > 1 else ""
            reason = f"has {len(cells)} cells{lines}, but the header names {len(self.columns)} columns"
            problems.append(SourceProblem(row_location(self.path, number), reason, kind="rows of another width"))
        elif self.has_header and _name(fitted[0]) == self.columns[0] and tuple(map(_name, fitted)) == self.columns:
            self.skipped[HEADER] += 1
        elif any("\0" in cell for cell in cells):
            problems.append(SourceProblem(row_location(self.path, number), "holds a NUL character", kind=DAMAGED))
        else:
            yield TableRow(number, fitted)

    def _fit(self, cells: list[str]) -> list[str] | None:
        """Return as many cells as there are columns, or None; empty cells may be too many, unnamed ones too few."""
        width = len(self.columns)
        if len(cells) == width:
            return cells
        if len(cells) > width:
            return None if any(cells[width:]) else cells[:width]
        return None if any(self.columns[len(cells) :]) else [*cells, *[""] * (width - len(cells))]

    def _cells(self, record: TextRecord) -> list[str] | None:
        """Return the cells of a row; a mark that closes early within one line becomes part of its cell."""
        if record.cells is None:
            return self._cells_of(record.lines[0]) if len(record.lines) == 1 else None
        return [cell.strip() for cell in record.cells]

    def _cells_of(self, line: str) -> list[str]:
        text = line.rstrip("\r\n")
        plain = self.dialect.quote is None and not self.dialect.escape
        cells = self.dialect.split(text) if plain else next(self.dialect.parse([text], strict=False), [])
        return [cell.strip() for cell in cells]

    def _refuse_open_mark(self, record: TextRecord) -> None:
        last = record.number + len(record.lines) - 1
        raise InputError(
            f"{self.path}, line {record.number}: a quotation mark opens a cell and does not close where the cell ends, "
            f"so that it takes in the lines up to {last}; close or double it, or set `quoting=none` if quotation marks "
            "are text in this file."
        )


def _name(cell: str) -> str:
    """Return the name of a column on one line."""
    return " ".join(cell.split())


def _is_file(cell: str) -> bool:
    """Return whether a cell is the name of an image, which no column has."""
    return bool(_FILE.fullmatch(PurePath(cell).name))
