"""What an index run was asked to do, and what it did."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

COMMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index. ``commit_seconds`` is the work that a kill may cost at the most."""

    views: tuple[str, ...] = ("base",)
    workers: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    commit_seconds: float = COMMIT_SECONDS
    thumbnails: bool = True
    prune: bool = False
    quiet: bool = False


@dataclass(slots=True)
class IndexReport:
    """Counts of samples. ``missing``: rows whose image is not there; ``failures``: uri -> why it cannot be read.

    ``embedded`` images went through the encoder, ``reused`` ones share their content with another sample,
    ``relabelled`` ones changed only in what the source says of them.
    """

    source: str
    samples: int = 0
    unchanged: int = 0
    embedded: int = 0
    reused: int = 0
    relabelled: int = 0
    missing: int = 0
    vanished: int = 0
    pruned: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    space: str | None = None
    store_version: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)
