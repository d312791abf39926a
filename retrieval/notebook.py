"""The base class of results that are displayed as tables: text in a console, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.console import plain_console
from retrieval.escapes import html_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDEST = 10_000
"""The highest number of characters in a line of text."""


class ShowsTables:
    """Base class of objects displayed as the tables that ``_tables`` returns."""

    __slots__ = ()

    def _tables(self) -> Iterable[RenderableType]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(self._tables())

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return as_html(self._tables())


def as_text(tables: Iterable[RenderableType]) -> str:
    """Render tables, groups of tables and lines as plain text without wrapping."""
    import io

    from rich.measure import Measurement

    console = plain_console(width=WIDEST, file=io.StringIO(), color_system=None)
    parts = list(tables)
    console.width = max((Measurement.get(console, console.options, part).maximum for part in parts), default=1)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def as_html(tables: Iterable[RenderableType]) -> str:
    """Render tables, groups of tables and lines as HTML; all text is escaped."""
    return "".join(_part_html(table) for table in tables)


def _part_html(part: RenderableType) -> str:
    from rich.console import Group
    from rich.table import Table

    if isinstance(part, Group):
        return as_html(part.renderables)
    if isinstance(part, Table):
        return _table_html(part)
    return _paragraph(part)


def _paragraph(part: RenderableType | None) -> str:
    """Return a paragraph of HTML, or empty text for blank lines."""
    text = _html(part)
    return f"<p>{text}</p>" if text.strip() else ""


def _html(part: RenderableType | None) -> str:
    return html_text(_plain(part)).replace("\n", "<br>")


def _table_html(table: Table) -> str:
    title = f'<caption style="caption-side:top;text-align:left">{_html(table.title)}</caption>'
    head = "".join(f"<th>{_html(column.header)}</th>" for column in table.columns)
    lines = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(f"<tr>{''.join(_cells(table, line))}</tr>" for line in lines)
    caption = _paragraph(table.caption)
    return f"<table>{title if table.title else ''}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{caption}"


def _cells(table: Table, line: Iterable[RenderableType]) -> Iterator[str]:
    for column, cell in zip(table.columns, line, strict=True):
        yield f'<td style="text-align:{column.justify}">{_html(cell)}</td>'


def _plain(part: RenderableType | None) -> str:
    """Return the text of a cell."""
    from rich.text import Text

    if isinstance(part, Text):
        return part.plain
    return part if isinstance(part, str) else as_text([part or ""])
