"""The table of stored split sets on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Mapping


def split_sets_table(sets: Mapping[str, str]) -> FittedTable:
    """One row per split set: its name and the hash of its rows."""
    table = FittedTable()
    table.add_column("split set")
    table.add_column("sha256")
    for name, sha in sets.items():
        table.add_row(name, sha)
    return table
