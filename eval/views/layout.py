"""The look of all tables on a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text


def plain_table(title: str | None = None, caption: str | None = None) -> Table:
    """Make an empty table without lines; title and caption are left-aligned and wrap to the width of the table."""
    table = Table(title=title, caption=caption, box=None, pad_edge=False, header_style="bold")
    table.title_justify = table.caption_justify = "left"
    return table


def titled(title: str, table: Table, caption: str = "") -> Group:
    """Put a table between a title and a caption that may be wider than the table."""
    below = [Text(caption, style="dim italic")] if caption else []
    return Group(Text(title, style="italic"), table, *below, Text())
