"""The base class of results that are displayed as tables: text in a console, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.escapes import html_text

if TYPE_CHECKING:
    from retrieval.fitted_table import Cell, FittedTable, Row

WIDEST = 10_000
"""The highest number of characters in a line of text."""


class ShowsTables:
    """Base class of objects displayed as the tables that ``_tables`` returns."""

    __slots__ = ()

    def _tables(self) -> Iterable[FittedTable]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(self._tables())

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return as_html(self._tables())


def as_text(tables: Iterable[FittedTable]) -> str:
    """Render tables as plain text without wrapping, with an empty line between them."""
    return "\n\n".join("\n".join(line for line, _ in table.lines(WIDEST)) for table in tables)


def as_html(tables: Iterable[FittedTable]) -> str:
    """Render tables as HTML; all text is escaped."""
    return "".join(map(_table_html, tables))


def _table_html(table: FittedTable) -> str:
    title = (
        f'<caption style="caption-side:top;text-align:left">{_html(table.title_text)}</caption>' if table.title else ""
    )
    head = "".join(f"<th>{_html(column.name)}</th>" for column in table.columns)
    body = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    caption = f"<p>{_html(table.caption)}</p>" if table.caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{caption}"


def _cells(table: FittedTable, row: Row) -> Iterator[str]:
    if row.is_detail:
        text, names = row.cells
        yield f'<td colspan="{len(table.columns)}">{"<br>".join(map(_html, (text, *names)))}</td>'
        return
    for column, cell in zip(table.columns, row.cells, strict=True):
        yield f'<td style="text-align:{"right" if column.is_right else "left"}">{_html(cell)}</td>'


def _html(cell: Cell) -> str:
    return html_text(cell if isinstance(cell, str) else ", ".join(cell)).replace("\n", "<br>")
