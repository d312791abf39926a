"""What a table looks like on a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from retrieval.commands.options import print_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retrieval.fitted_table import FittedTable


def printed(tables: Iterable[FittedTable], width: int = 200) -> str:
    """The text that commands print of ``tables`` on a terminal of ``width`` columns."""
    text = io.StringIO()
    print_tables(tables, Console(file=text, width=width))
    return text.getvalue()
