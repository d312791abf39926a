"""The result of a check of a store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """Result of one check: whether it failed, and its numbers as a sentence."""

    check: str
    wrong: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return asdict(self)
