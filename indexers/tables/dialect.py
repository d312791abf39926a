"""Decide how a text table is written: which character separates its cells, and whether quotation marks enclose them.

A quotation mark that never closes makes a CSV reader take many lines as one cell. So the lines are read both ways, and
the reading that is consistent is taken: rows as wide as the header, and marks that close where their cell ends.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from indexers.tables.text_file import LONGEST_LINE
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from indexers.tables.text_file import TextFile

csv.field_size_limit(LONGEST_LINE)

TAB, SPACES, PATH_FIRST = "\t", " ", "path "
DELIMITERS = {".csv": ",", ".tsv": TAB, ".tab": TAB}
"""Suffixes that promise a delimiter, and which. It is tried first."""

TEXT_SUFFIXES = (*DELIMITERS, ".txt", ".psv", ".lst", ".list")

NAMES = {TAB: "tab", ",": "comma", ";": "semicolon", "|": "pipe", SPACES: "space"}
SAMPLE = 300
"""Lines from which the delimiter is found."""

_PATH = re.compile(r"(.+?\.[A-Za-z][A-Za-z0-9]{1,4})\s+(\S.*)")
"""A path with a suffix and what follows, in lists whose paths or labels hold spaces."""


@dataclass(frozen=True)
class TextDialect:
    """How a text table is written.

    ``delimiter`` separates cells; SPACES is any number of spaces, PATH_FIRST the space behind the first suffix of a
    path. ``quote`` encloses cells; None is no such character. With ``escape``, a backslash comes before a delimiter or
    a quotation mark that is part of a cell; otherwise a quotation mark is doubled.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: bool = False

    def split(self, line: str) -> list[str]:
        """Split a line as a table without quotation marks."""
        text = line.rstrip("\r\n")
        if self.delimiter == SPACES:
            return text.split()
        if self.delimiter == PATH_FIRST:
            match = _PATH.fullmatch(text.strip())
            return list(match.groups()) if match else [text]
        return text.split(self.delimiter)

    def parse(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Return a reader of rows in which quotation marks enclose cells."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=not self.escape,
            escapechar="\\" if self.escape else None,
            skipinitialspace=True,
            strict=strict,
        )


class TextRecord(NamedTuple):
    """One row of a text table: its first line, its physical lines, and its cells.

    ``cells`` is None if a quotation mark closes before the end of its cell, or never.
    """

    number: int
    lines: list[str]
    cells: list[str] | None


class _LineFeed:
    """Gives lines to a reader, and remembers those of the current row."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.number = 0
        self.current: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self.current.append(line)
        return line


def read_records(lines: Iterable[str], dialect: TextDialect) -> Iterator[TextRecord]:
    """Yield all rows, the header included; blank lines are rows without cells."""
    if dialect.quote is None and not dialect.escape:
        for number, line in enumerate(lines, 1):
            yield TextRecord(number, [line], dialect.split(line))
        return
    feed = _LineFeed(lines)
    reader = dialect.parse(feed)
    while True:
        feed.current = []
        start = feed.number + 1
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        yield TextRecord(start, feed.current, cells)


@dataclass
class _Consistency:
    """How well two readings of one file fit their headers.

    Attributes:
        quoted, plain: rows as wide as the header, by each reading.
        quoted_wrong, plain_wrong: rows of another width.
        inside: rows with a mark that closes before the end of its cell, within one line.
        first_inside: the first of them.
        broken: the line of the first mark that opens and does not close where its cell ends, 0 if there is none.
        end: the last line that this cell takes up.
        swallowed: rows of several lines, most of which but for the first are whole rows without marks.
        first_swallowed: the lines of the first of them.
    """

    quoted: int = 0
    plain: int = 0
    quoted_wrong: int = 0
    plain_wrong: int = 0
    inside: int = 0
    first_inside: int = 0
    broken: int = 0
    end: int = 0
    swallowed: int = 0
    first_swallowed: tuple[int, int] = (0, 0)

    def add_faulty(self, record: TextRecord, lines: int, dialect: TextDialect) -> None:
        """Count a row with a mark that does not close where its cell ends; ``lines`` are those that are not blank."""
        if lines > 1 or _is_open(record.lines[0], dialect):
            self.end = self.end or record.number + (len(record.lines) - 1 if lines > 1 else 0)
            self.broken = self.broken or record.number
        if lines == 1:
            self.inside += 1
            self.first_inside = self.first_inside or record.number


def _compare(text: TextFile, dialect: TextDialect) -> _Consistency:
    """Read a file with and without quotation marks, in one pass."""
    result = _Consistency()
    plain = replace(dialect, quote=None, escape=False)
    width = plain_width = 0
    for record in read_records(text.lines(), dialect):
        lines = [line for line in record.lines if line.strip()]
        if not lines:
            continue
        widths = [len(plain.split(line)) for line in lines]
        is_as_wide = widths[0] == plain_width or len(record.cells or ()) == width
        if lines[0].startswith("#") and not (plain_width and is_as_wide):  # as wide as the header, it is a row
            continue
        if not plain_width:
            plain_width, width = widths[0], len(record.cells or plain.split(lines[0]))
        fitting = widths.count(plain_width)
        result.plain += fitting
        result.plain_wrong += len(lines) - fitting
        if record.cells is None:
            result.add_faulty(record, len(lines), dialect)
        inner = widths[1:].count(plain_width)
        if plain_width > 1 and 2 * inner > len(lines) - 1:
            result.swallowed += 1
            if result.swallowed == 1:
                result.first_swallowed = (record.number, record.number + len(record.lines) - 1)
        if record.cells is not None and len(record.cells) == width:
            result.quoted += 1
        else:
            result.quoted_wrong += 1
    return result


def _is_open(line: str, dialect: TextDialect) -> bool:
    """Return whether a quotation mark opens in a line and the line ends before it closes."""
    try:
        next(dialect.parse([line.rstrip("\r\n")], strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def choose_dialect(
    text: TextFile, suffix: str, quoting: str = "auto", delimiter: str | None = None
) -> tuple[TextDialect, str]:
    """Find how a table is written.

    Args:
        text: the file.
        suffix: suffix of its name, which decides between delimiters that fit equally.
        quoting: ``csv``: quotation marks enclose cells; ``none``: they are text; ``auto``: what is consistent.
        delimiter: the delimiter; None finds it.

    Returns:
        The dialect, and a sentence for the user on a decision that is not plain, or an empty text.

    Raises:
        InputError: both readings are possible and differ, or neither is consistent.
    """
    chosen = delimiter or _find_delimiter(text, DELIMITERS.get(suffix))
    dialect = TextDialect(chosen)
    if quoting == "none" or chosen in {SPACES, PATH_FIRST}:
        return TextDialect(chosen, quote=None), ""
    if quoting == "csv":
        return dialect, ""
    other = _other_marks(text, dialect)
    if other is not None:
        return other
    if '"' not in text.quotes:
        return TextDialect(chosen, quote=None), ""
    return _choose_quoting(text.path, dialect, _compare(text, dialect))


def _choose_quoting(path: Path, dialect: TextDialect, fit: _Consistency) -> tuple[TextDialect, str]:
    """Choose the reading with quotation marks or the one without."""
    plain = replace(dialect, quote=None)
    if not fit.broken and not fit.swallowed:
        if fit.inside and not fit.plain_wrong and dialect.delimiter == TAB:
            return plain, _plain_note(path, fit)
        return dialect, _inside_note(path, fit) if fit.inside else ""
    first, last = (fit.broken, fit.end) if fit.broken else fit.first_swallowed
    if not fit.plain_wrong or (fit.plain > fit.quoted and fit.plain_wrong * 10 <= fit.plain):
        if fit.broken or dialect.delimiter == TAB:
            return plain, _plain_note(path, fit)
        raise InputError(
            f"{path} can be read in two ways: if quotation marks enclose cells, it has {_rows(fit.quoted)}, and lines "
            f"{first} to {last} are one of them; if they are text, it has {_rows(fit.plain)}. Say which with "
            "`quoting=csv` or `quoting=none`."
        )
    if not fit.broken:
        return dialect, (
            f"{path.name}: lines {first} to {last} are one row, whose cell in quotation marks holds line breaks; if "
            "they are rows, set `quoting=none`."
        )
    raise InputError(
        f"{path}, line {first}: a quotation mark opens a cell and does not close it, so that it would take in the "
        f"lines up to {last}; close or double it, or set `quoting=none` if quotation marks are text in this file."
    )


def _plain_note(path: Path, fit: _Consistency) -> str:
    where = fit.broken or fit.first_swallowed[0] or fit.first_inside
    why = f"{path.name}: quotation marks are read as text, because that of line {where} does not close its cell"
    if fit.broken:
        return f"{why}."
    counts = f" (then {_rows(fit.quoted)} instead of {fit.plain - 1:,})" if fit.quoted != fit.plain else ""
    return f"{why}; if they enclose cells{counts}, set `quoting=csv`."


def _rows(lines: int) -> str:
    """Return the number of rows below the header in words."""
    return "1 row" if lines == 2 else f"{lines - 1:,} rows"


def _inside_note(path: Path, fit: _Consistency) -> str:
    rows = f"{fit.inside:,} rows have" if fit.inside > 1 else "1 row has"
    return (
        f"{path.name}: {rows} a quotation mark inside a cell that is not doubled (first line {fit.first_inside}); if "
        "quotation marks are text in this file, set `quoting=none`."
    )


def _other_marks(text: TextFile, dialect: TextDialect) -> tuple[TextDialect, str] | None:
    """Return a dialect with single quotation marks or with escapes, if it alone is consistent.

    Single marks and backslashes are ordinary text, so they count only where rows have the wrong width without them.
    """
    if not {"'", "\\"} & text.quotes:
        return None
    usual = _compare(text, dialect)
    if not (usual.broken or usual.inside or usual.quoted_wrong or _is_all_quoted(text, dialect, "'")):
        return None
    name = text.path.name
    for mark, other, what in (
        ("'", replace(dialect, quote="'"), "single quotation marks enclose cells"),
        ("\\", replace(dialect, escape=True), "a backslash escapes characters"),
        (
            "\\",
            replace(dialect, quote=None, escape=True),
            "a backslash escapes characters",
        ),
    ):
        if mark in text.quotes:
            fit = _compare(text, other)
            if not (fit.broken or fit.inside or fit.quoted_wrong or fit.swallowed) and fit.quoted > 1:
                return other, f"{name}: {what}."
    return None


def _is_all_quoted(text: TextFile, dialect: TextDialect, mark: str) -> bool:
    """Return whether every cell of the first line stands between two marks."""
    cells = [cell.strip() for line in islice(text.lines(), 1) for cell in dialect.split(line)]
    return bool(cells) and all(len(cell) > 1 and cell[0] == cell[-1] == mark for cell in cells)


def _find_delimiter(text: TextFile, preferred: str | None) -> str:
    """Find the delimiter from the first lines: the one by which most of them are as wide as the header."""
    every = [line for line in islice(text.lines(), SAMPLE) if line.strip()]
    lines = [line for line in every if not line.startswith("#")] or [line.lstrip("#") for line in every]
    best = _best_delimiter(lines, preferred) or _best_delimiter(every, preferred)  # rows may begin with #
    if best or preferred is not None or not lines:
        return best or preferred or TAB
    if len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1:
        return SPACES
    return PATH_FIRST if all(_PATH.fullmatch(line.strip()) for line in lines) else TAB


def _best_delimiter(lines: list[str], preferred: str | None) -> str | None:
    """Return the delimiter by which most lines, and at least half, are as wide as the first; None if there is none."""
    best, score = None, (0.0, False, 0)
    for delimiter in (TAB, ",", ";", "|"):
        width, share = _share(lines, TextDialect(delimiter))
        rank = (round(share, 1), delimiter == preferred, width)
        if width > 1 and share >= 0.5 and rank > score:
            best, score = delimiter, rank
    return best


def _share(lines: list[str], dialect: TextDialect) -> tuple[int, float]:
    """Return the width of the header and the share of rows that are as wide, with or without quotation marks."""
    shares = []
    for reading in (dialect, replace(dialect, quote=None)):
        widths = [len(record.cells or ()) for record in read_records(lines, reading)]
        shares.append((widths[0], widths.count(widths[0]) / len(widths)) if widths else (0, 0.0))
    return max(shares, key=lambda item: (item[0] > 1, item[1]))
