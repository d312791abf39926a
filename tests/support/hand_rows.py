"""Rows of the table of 11k Hands, whether or not their images exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexers.sources.hands11k import HandRow, open_hands, read_hands
from retrieval.types import SourceTally

if TYPE_CHECKING:
    from pathlib import Path


def hand_rows(root: Path) -> list[HandRow]:
    """Read the valid rows of ``HandInfo.csv`` in a folder, without accessories."""
    table = open_hands(root / "HandInfo.csv")
    return read_hands(table, table.rows([]), [], SourceTally())
