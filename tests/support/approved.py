"""Texts that a person has approved: files beside the tests, which ``VITRINE_APPROVE=1`` writes again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.terminal import printed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.fitted_table import FittedTable

WIDTHS = (60, 80, 120, 200)
FOLDER = Path(__file__).parents[1] / "approved"


def check_approved(name: str, tables: Sequence[FittedTable]) -> None:
    """Compare the tables on terminals of :data:`WIDTHS` with the approved text; no line is wider than the terminal."""
    sections = []
    for width in WIDTHS:
        text = printed(tables, width)
        wide = [line for line in text.splitlines() if len(line) > width]
        assert all(line.endswith(".jpg") for line in wide), wide  # paths are never broken
        sections.append(f"---- {width} columns\n{text}")
    made, path = "\n".join(sections), FOLDER / f"{name}.txt"
    if os.environ.get("VITRINE_APPROVE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8"), f"{path.name} is another text; VITRINE_APPROVE=1 writes it"
