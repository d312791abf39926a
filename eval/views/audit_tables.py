"""The table of an audit on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.layout import plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from eval.audit.findings import AuditReport

STYLES = {"error": "bold red", "warning": "yellow", "note": ""}


def audit_table(report: AuditReport, shown: int) -> Table:
    """One row per finding, and below it the worst ``shown`` items, with the uris of their samples."""
    roles = f"split set {report.split_set}" if report.split_set else "the samples' own splits"
    title = (
        f"audit · {report.samples:,} samples · {roles} · space {report.space} · store version {report.store_version}"
    )
    table = plain_table(title)
    table.add_column("severity", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("what", overflow="fold")
    for finding in report.findings:
        style = STYLES[finding.severity]
        table.add_row(finding.severity, finding.check, f"{finding.count:,}", finding.message, style=style)
        for item in finding.items[:shown]:
            uris = " | ".join(report.uris[sample] for sample in item.samples[:4])
            more = f" and {len(item.samples) - 4} more" if len(item.samples) > 4 else ""
            table.add_row("", "", "", f"  {item.detail}: {uris}{more}", style="dim")
    if not report.findings:
        table.add_row("", "", "", "Nothing was found.")
    if report.search is not None and (said := str(report.search)):
        table.caption = said
    return table
