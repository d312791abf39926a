"""Findings of an audit of a store, and the report that holds them.

The checks (``eval/audit/checks.py`` and others) make findings with :func:`findings_of`. ``eval/runs/audit.py`` makes
the report, which the command ``audit`` prints.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    from retrieval.fitted_table import FittedTable

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Worst first. An error makes a metric wrong, a warning may, a note helps to interpret it."""

CASES_SHOWN = 5
"""Largest number of items of a finding that a terminal and a notebook show."""

ITEMS_KEPT = 1000
"""Largest number of items of a finding in a report; its count is always of all."""


@dataclass(frozen=True, slots=True)
class Item:
    """One case of a finding: ids of ``samples``, a ``detail`` to read, and a ``score``, higher is worse, or None."""

    samples: tuple[str, ...]
    detail: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The cases of one check: its name, ``count`` of cases, a sentence on what they mean, and the worst ``items``."""

    check: str
    severity: Severity
    count: int
    message: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class NeighbourSearch:
    """How an audit looked for near vectors.

    Attributes:
        exact: whether all pairs of vectors were compared. Otherwise pairs may be missing, and the search was repeated
            exactly for a random sample.
        all_hashes: whether all near perceptual hashes were compared; otherwise those of nearest neighbours only.
        sampled: number of vectors in the sample.
        recall: share of their nearest neighbours that the approximate search had.
        near_pairs: number of pairs of the sample that are near by vector alone.
        near_pairs_found: number of these that the approximate search had.
    """

    exact: bool
    all_hashes: bool = True
    sampled: int = 0
    recall: float | None = None
    near_pairs: int = 0
    near_pairs_found: int = 0

    def __str__(self) -> str:
        """Say in a sentence or two what may be missing; an empty text if nothing may."""
        said = []
        if not self.exact:
            said.append(
                f"The search for near vectors was approximate: of {self.sampled:,} samples drawn at random it had "
                f"{self.recall:.1%} of the nearest neighbours, and {self.near_pairs_found:,} of the "
                f"{self.near_pairs:,} that are near by vector."
            )
        if not self.all_hashes:
            said.append("Too many perceptual hashes are alike: those of nearest neighbours were compared, not all.")
        return " ".join([*said, "The option exact compares all pairs."] if said else [])


@dataclass(frozen=True, slots=True, repr=False)
class AuditReport(ShowsTables):
    """All findings of an audit.

    Attributes:
        store_version: version of the store that was read; each change of a store makes a new version.
        space: name of the space (the stored vectors of one encoder) that was read, or None.
        split_set: name of the split set whose roles were checked; None if the roles are the samples' splits.
        split_sha256: hash of the split set, or None.
        samples: number of samples that were read.
        thresholds: name of a check's limit to its value, None with fewer than two vectors.
        findings: the findings.
        uris: id to uri of every sample that an item names.
        search: how near vectors were looked for; None with fewer than two vectors.
    """

    store_version: int
    space: str | None
    split_set: str | None
    split_sha256: str | None
    samples: int
    thresholds: Mapping[str, float | None]
    findings: tuple[Finding, ...]
    uris: Mapping[str, str] = field(default_factory=dict)
    search: NeighbourSearch | None = None

    def fails(self, *, strict: bool) -> bool:
        """Whether there is an error or, if ``strict``, a warning."""
        bad = {"error", "warning"} if strict else {"error"}
        return any(finding.severity in bad for finding in self.findings)

    def _tables(self) -> Iterable[FittedTable]:
        views = importlib.import_module("..views.audit_tables", __package__)  # by name: eval.views imports this module
        return (views.audit_table(self, CASES_SHOWN),)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values for JSON; samples have id and uri."""
        return {
            "store_version": self.store_version,
            "space": self.space,
            "split_set": self.split_set,
            "split_sha256": self.split_sha256,
            "samples": self.samples,
            "thresholds": dict(self.thresholds),
            "search": None if self.search is None else asdict(self.search),
            "clean": not self.fails(strict=True),
            "findings": [self._finding(finding) for finding in self.findings],
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        items = [
            {
                "samples": [{"id": sample, "uri": self.uris[sample]} for sample in item.samples],
                "detail": item.detail,
                "score": item.score,
            }
            for item in finding.items
        ]
        head = {"check": finding.check, "severity": finding.severity, "count": finding.count}
        return {**head, "message": finding.message, "items": items}


def findings_of(check: str, severity: Severity, items: Sequence[Item], message: str) -> list[Finding]:
    """Make the finding of a check: a list of one, or an empty list without items.

    Args:
        check: short name of the check.
        severity: of all items.
        items: in any order; sorted by descending score, then by samples.
        message: a sentence on what the items mean.
    """
    if not items:
        return []
    ordered = sorted(items, key=lambda item: (-(item.score or 0.0), item.samples))
    return [Finding(check, severity, len(items), message, tuple(ordered[:ITEMS_KEPT]))]
