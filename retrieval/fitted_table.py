"""Tables that fit the width of a terminal: whole, with cells on several lines, or with a block of lines per row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product, zip_longest
from typing import TYPE_CHECKING, Literal, TypeAlias

from retrieval.escapes import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

Kind = Literal["text", "number", "metric", "prose", "path"]
"""What a column holds. Texts, numbers and paths stay on one line; a metric (``59.4 [58.6, 60.2] ±0.3``) may have its
interval on a second one; prose, whose cells may be sequences of names that are not broken, has as many as it needs."""

Cell: TypeAlias = str | Sequence[str]

GAP, INDENT = "  ", "  "
LEAST_PROSE = 28
"""Width that a column of prose is given at least, if it has so much to say."""

INTERVAL = re.compile(r"([^\[]*?) (\[[^\]]*\])(.*)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name and what it holds."""

    name: str
    kind: Kind

    @property
    def is_right(self) -> bool:
        """Whether its cells are aligned right."""
        return self.kind in {"number", "metric"}

    @property
    def has_own_line(self) -> bool:
        """Whether its cells have lines of their own in the block of a row."""
        return self.kind in {"metric", "prose", "path"}


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of a row and their style; a row of details has lines below the row before, as wide as the table."""

    cells: tuple[Cell, ...]
    style: str = ""
    is_detail: bool = False


@dataclass
class FittedTable:
    """A table without rules, with a title above it and a caption below it.

    It is a renderable of rich. Its lines are no wider than the console, except for a single name or path that is: those
    are never broken.

    Args:
        title: line or lines above the table; or parts of it, none of which is broken, with dots between them.
        caption: line or lines below it.
        has_heading: whether the first cell of a row heads the lines that the row becomes where the table does not fit.
    """

    title: Cell = ""
    caption: str = ""
    has_heading: bool = True
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def title_text(self) -> str:
        """The title as one text."""
        return self.title if isinstance(self.title, str) else " · ".join(self.title)

    def add_column(self, name: str = "", kind: Kind = "text") -> None:
        """Add a column."""
        self.columns.append(Column(name, kind))

    def add_row(self, *cells: Cell, style: str = "") -> None:
        """Add a row with a cell for each column."""
        assert len(cells) == len(self.columns), (len(cells), len(self.columns))  # noqa: S101 - a defect of ours
        self.rows.append(Row(cells, style))

    def add_detail(self, text: str, names: Iterable[str] = ()) -> None:
        """Add lines below the last row: a text, and below it names or paths, each on a line of its own."""
        self.rows.append(Row((text, tuple(names)), "dim", is_detail=True))

    def lines(self, width: int) -> list[tuple[str, str]]:
        """Return the lines of the table and their styles, for a console of ``width`` characters."""
        above = (
            wrapped_lines(self.title, width)
            if isinstance(self.title, str)
            else _filled([_one_line(part) for part in self.title], " · ", width)
        )
        title = [(line, "italic") for line in above]
        caption = [(line, "dim italic") for line in wrapped_lines(self.caption, width)]
        return [*title, *self._body(width), *caption]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        del console
        for line, style in self.lines(options.max_width):
            yield Text(line, style, no_wrap=True, overflow="ignore")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        del console
        widest = max((cell_width(line) for line, _ in self.lines(options.max_width)), default=1)
        return Measurement(1, widest)

    def _body(self, width: int) -> list[tuple[str, str]]:
        """The rows in the first layout that fits; with no rows, the names of the columns."""
        for below, folded in product((False, True), repeat=2):
            hidden = [at for at, column in enumerate(self.columns) if below and column.kind == "path"]
            if (below and not hidden) or (folded and len(self.rows) == 1):
                continue
            widths = self._widths(width, hidden, folded=folded)
            if widths is not None:
                return self._as_table(width, widths, hidden, folded=folded)
        return self._as_blocks(width)

    def _widths(self, width: int, hidden: Sequence[int], *, folded: bool) -> list[int] | None:
        """Widths of the columns, 0 for those that are hidden; None if the table does not fit."""
        widths, least = [], []
        for at, column in enumerate(self.columns):
            cells = [row.cells[at] for row in self.rows if not row.is_detail]
            words = column.name.split() if folded else column.name.split("\n")
            lines = [*words, *(line for cell in cells for line in _cell_lines(cell, column, folded=folded))]
            natural = 0 if at in hidden else max(map(cell_width, lines), default=0)
            widths.append(natural)
            least.append(min(natural, _least(cells, column)) if column.kind == "prose" else natural)
        gaps = len(GAP) * (len(self.columns) - len(hidden) - 1)
        for _ in range(max(0, sum(widths) + gaps - width)):
            spare, at = max((natural - low, at) for at, (natural, low) in enumerate(zip(widths, least, strict=True)))
            if not spare:
                return None
            widths[at] -= 1
        return widths

    def _as_table(
        self, width: int, widths: Sequence[int], hidden: Sequence[int], *, folded: bool
    ) -> list[tuple[str, str]]:
        """A line of names, and a line or several for each row; cells of hidden columns are lines below the row."""
        shown = [at for at in range(len(self.columns)) if at not in hidden]
        columns, widths = [self.columns[at] for at in shown], [widths[at] for at in shown]
        names = [wrapped_lines(column.name, size) for column, size in zip(columns, widths, strict=True)]
        lines = [(line, "bold") for line in _side_by_side(names, columns, widths)] if any(names) else []
        for row, before in zip(self.rows, [None, *self.rows], strict=False):
            if row.is_detail:
                lines += [(line, row.style) for line in _detail_lines(row, width)]
                continue
            lines += [("", "")] if before is not None and before.is_detail else []
            cells = [
                _cell_lines(row.cells[at], column, folded=folded, width=size)
                for at, column, size in zip(shown, columns, widths, strict=True)
            ]
            lines += [(line, row.style) for line in _side_by_side(cells, columns, widths)]
            lines += [(INDENT + _one_line(str(row.cells[at])), row.style) for at in hidden if row.cells[at]]
        return lines

    def _as_blocks(self, width: int) -> list[tuple[str, str]]:
        """A block of lines per row: name and cell of the first column, and below it those of the others."""
        lines: list[tuple[str, str]] = []
        for row, before in zip(self.rows, [None, *self.rows], strict=False):
            if row.is_detail:
                lines += [(line, row.style) for line in _detail_lines(row, width)]
                continue
            if before is not None and (before.is_detail or not self.has_heading):
                lines.append(("", ""))
            if self.has_heading:
                lines.append((_one_line(f"{self.columns[0].name} {row.cells[0]}".strip()), "bold"))
            lines += [(line, row.style) for line in self._block(row, width)]
        return lines

    def _block(self, row: Row, width: int) -> Iterator[str]:
        """Yield the lines of the cells of a row, without the one that heads the block.

        Texts and numbers share lines; a metric, prose or a path has lines of its own.
        """
        start = int(self.has_heading)
        indent = INDENT * start
        names = [printable(column.name.replace("\n", " ")) for column in self.columns]
        fields = [field for field in list(zip(names, self.columns, row.cells, strict=True))[start:] if field[2]]
        headed = [name for name, column, _ in fields if column.has_own_line]
        name_width = max(map(cell_width, headed), default=0)
        room = max(width - len(indent) - name_width - len(GAP), 1)
        for has_own_line, group in groupby(fields, lambda field: field[1].has_own_line):
            if not has_own_line:
                words = [f"{name} {_one_line(str(cell))}".strip() for name, _, cell in group]
                yield from (indent + line for line in _filled(words, GAP, width - len(indent)))
                continue
            for name, column, cell in group:
                lines = _cell_lines(cell, column, folded=False, width=room)
                if column.kind == "metric" and max(map(cell_width, lines)) > room:
                    lines = _cell_lines(cell, column, folded=True)
                for first, line in zip_longest([name], lines, fillvalue=""):
                    yield f"{indent}{first}{' ' * (name_width - cell_width(first))}{GAP}{line}".rstrip()


def wrapped_lines(text: str, width: int) -> list[str]:
    """Wrap each line of a text at its dots ( · ) to a width, and what does not fit between two dots at spaces.

    Words are not broken, and no line begins with a dot.
    """
    lines = []
    for line in printable(text).splitlines():
        parts = re.split(r"(?<= ·) ", line)
        words = [word for part in parts for word in ([part] if cell_width(part) <= width else _words(part))]
        lines += _filled(words, " ", width)
    return lines


def _words(text: str) -> list[str]:
    """Split at spaces, but not before a dot."""
    return re.split(r" (?!·)", text)


def _one_line(text: str) -> str:
    """Write a name on one line: line feeds and tabs as their escapes, too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def cell_width(text: str) -> int:
    """Return the number of columns of a terminal that a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def _filled(words: Sequence[str], joint: str, width: int) -> list[str]:
    """Join words to lines of at most ``width`` characters; a longer word is a line by itself."""
    lines: list[str] = []
    for at, word in enumerate(words):
        text = word + joint.rstrip() * (at < len(words) - 1)
        space = joint[len(joint.rstrip()) :]
        if lines and cell_width(lines[-1] + space + text) <= width:
            lines[-1] += space + text
        else:
            lines.append(text)
    return lines or [""]


def _cell_lines(cell: Cell, column: Column, *, folded: bool, width: int = 0) -> list[str]:
    """Lines of a cell; prose is wrapped to ``width`` if it is given, and stays one line else."""
    if not isinstance(cell, str):
        names = [_one_line(name) for name in cell]
        return _filled(names, ", ", width or cell_width(", ".join(names)))
    if column.kind == "prose" and width:
        return wrapped_lines(cell, width) or [""]
    text = printable(cell).expandtabs()
    if column.kind == "path":
        return [_one_line(cell)]
    if folded and column.kind == "metric" and (match := INTERVAL.fullmatch(text)):
        return [f"{match[1]}{match[3]}", match[2]]
    return text.splitlines() or [""]


def _least(cells: Iterable[Cell], column: Column) -> int:
    """The width that a column of prose needs: that of its longest word, and :data:`LEAST_PROSE`."""
    words = [word for cell in cells for word in (cell.split() if isinstance(cell, str) else cell)]
    return max(LEAST_PROSE, cell_width(column.name), *(cell_width(printable(word)) + 1 for word in words), 1)


def _side_by_side(cells: Sequence[Sequence[str]], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[str]:
    """Yield lines in which the lines of cells stand beside each other."""
    for parts in zip_longest(*cells, fillvalue=""):
        texts = map(_aligned, parts, widths, columns)
        yield GAP.join(texts).rstrip()


def _aligned(text: str, width: int, column: Column) -> str:
    pad = " " * (width - cell_width(text))
    return pad + text if column.is_right else text + pad


def _detail_lines(row: Row, width: int) -> list[str]:
    text, names = row.cells
    lines = [INDENT + line for line in wrapped_lines(str(text), width - len(INDENT))]
    return lines + [2 * INDENT + _one_line(name) for name in names]
