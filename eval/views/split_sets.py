"""Table of stored split sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping


def split_sets_table(sets: Mapping[str, str]) -> Table:
    """Names and hashes of split sets."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("split set", overflow="fold")
    table.add_column("sha256", no_wrap=True)
    for name, sha in sets.items():
        table.add_row(name, sha)
    return table
