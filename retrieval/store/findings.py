"""The results of the checks of a store, and their table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from retrieval.fitted_table import FittedTable


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """Result of one check: whether it failed, and its numbers as a sentence."""

    check: str
    wrong: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return asdict(self)


def findings_table(findings: Iterable[StoreFinding]) -> FittedTable:
    """One row per check."""
    table = FittedTable()
    for name in ("", "check"):
        table.add_column(name)
    table.add_column("detail", "prose")
    for finding in findings:
        table.add_row("wrong" if finding.wrong else "ok", finding.check, finding.detail)
    return table
