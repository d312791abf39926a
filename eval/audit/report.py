"""A contact sheet of the worst pairs that an audit found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.audit.findings import SEVERITIES, AuditReport, Item

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from retrieval.types import Thumbnails

FRAMES = {"error": "#c62828", "warning": "#ef9f27", "note": "#68717a"}
PAIRS_DRAWN = 20
PAIRS_PER_FINDING = 8


def audit_sheet(report: AuditReport, keys: Mapping[str, str], thumbnails: Thumbnails, out: Path) -> bool:
    """Draw the worst pairs from stored thumbnails, side by side, five pairs a row, into a PNG.

    Args:
        report: items of two or more samples are drawn, errors first, at most eight of a finding.
        keys: sample id -> key of its thumbnail.
        thumbnails: reads thumbnails by key.
        out: path of the PNG.

    Returns:
        Whether there was any pair to draw.

    Raises:
        InputError: the file cannot be written.
    """
    from retrieval.sheet import Tile, contact_sheet

    pairs = [
        (finding.check, finding.severity, item)
        for severity in SEVERITIES
        for finding in report.findings
        if finding.severity == severity
        for item in [item for item in finding.items if len(item.samples) > 1][:PAIRS_PER_FINDING]
    ][:PAIRS_DRAWN]
    if not pairs:
        return False
    images = thumbnails([keys[sample] for _, _, item in pairs for sample in item.samples[:2]])
    tiles = [
        Tile(images.get(keys[sample]), (words, report.uris[sample].rpartition("/")[2]), FRAMES[severity])
        for number, (check, severity, item) in enumerate(pairs, 1)
        for sample, words in zip(item.samples[:2], (f"{number}. {check}", _score(number, item)), strict=True)
    ]
    contact_sheet(None, tiles, out, f"audit: the worst {len(pairs)} pairs, each side by side")
    return True


def _score(number: int, item: Item) -> str:
    return f"{number}." if item.score is None else f"{number}. score {item.score:.2f}"
