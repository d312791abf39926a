"""The table of stored split sets on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.layout import plain_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table


def split_sets_table(sets: Mapping[str, str]) -> Table:
    """One row per split set: its name and the hash of its rows."""
    table = plain_table()
    table.add_column("split set", overflow="fold")
    table.add_column("sha256", no_wrap=True)
    for name, sha in sets.items():
        table.add_row(name, sha)
    return table
