"""What a table looks like on a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType

if TYPE_CHECKING:
    from collections.abc import Iterable


def printed(tables: Iterable[RenderableType], width: int = 200) -> str:
    """The text that rich prints of ``tables`` on a terminal of ``width`` columns."""
    text = io.StringIO()
    console = Console(file=text, width=width)
    for table in tables:
        console.print(table)
    return text.getvalue()
