"""An audit report for people: a table, and a contact sheet of the worst pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from eval.audit.findings import SEVERITIES, AuditReport, Item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

STYLES = {"error": "bold red", "warning": "yellow", "note": ""}
FRAMES = {"error": "#c62828", "warning": "#ef9f27", "note": "#68717a"}
PAIRS_DRAWN = 20
PAIRS_PER_FINDING = 8


class Pictures(Protocol):
    """What gives thumbnails by key: a snapshot of a store on disk."""

    def thumbnails(self, keys: Sequence[str]) -> dict[str, bytes]: ...


def audit_table(report: AuditReport, shown: int) -> Table:
    """One row per finding, and the worst ``shown`` items of each below it."""
    from rich.table import Table

    of = f"split set {report.split_set}" if report.split_set else "the samples' own splits"
    title = f"audit · {report.samples:,} samples · {of} · space {report.space} · store version {report.store_version}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("severity", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("what", overflow="fold")
    for finding in report.findings:
        style = STYLES[finding.severity]
        table.add_row(finding.severity, finding.check, f"{finding.count:,}", finding.message, style=style)
        for item in finding.items[:shown]:
            places = " | ".join(report.places[sample] for sample in item.samples[:4])
            more = f" and {len(item.samples) - 4} more" if len(item.samples) > 4 else ""
            table.add_row("", "", "", f"  {item.detail}: {places}{more}", style="dim")
    if not report.findings:
        table.add_row("", "", "", "Nothing was found.")
    return table


def audit_sheet(pictures: Pictures, report: AuditReport, keys: Mapping[str, str], out: Path) -> bool:
    """Draw the worst pairs from stored thumbnails, side by side, five pairs a row; a PNG.

    Args:
        pictures: where thumbnails are.
        report: whose items of two or more samples are drawn, errors first, at most eight of a finding.
        keys: sample id -> key of its thumbnail.
        out: the file.

    Returns:
        Whether there was anything to draw.

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
    images = pictures.thumbnails([keys[sample] for _, _, item in pairs for sample in item.samples[:2]])
    tiles = [
        Tile(images.get(keys[sample]), (words, report.places[sample].rpartition("/")[2]), FRAMES[severity])
        for number, (check, severity, item) in enumerate(pairs, 1)
        for sample, words in zip(item.samples[:2], (f"{number}. {check}", _score(number, item)), strict=True)
    ]
    contact_sheet(None, tiles, out, f"audit: the worst {len(pairs)} pairs, each side by side")
    return True


def _score(number: int, item: Item) -> str:
    return f"{number}." if item.score is None else f"{number}. score {item.score:.2f}"
