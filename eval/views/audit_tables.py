"""The table of an audit on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from eval.audit.findings import AuditReport

SHOWN = 4
"""Samples of an item that are named."""

STYLES = {"error": "bold red", "warning": "yellow", "note": ""}


def audit_table(report: AuditReport, shown: int) -> FittedTable:
    """One row per finding, and below it the worst ``shown`` items, with the uris of their samples."""
    split_sets = report.split_set.split(" + ") if report.split_set else []
    title = (
        "audit", f"{report.samples:,} samples",
        *(f"split set {name}" for name in split_sets), *([] if split_sets else ["the samples' own splits"]),
        f"space {report.space}", f"store version {report.store_version}",
    )  # fmt: skip
    table = FittedTable(title)
    table.add_column("severity")
    table.add_column("check")
    table.add_column("n", "number")
    table.add_column("what", "prose")
    for finding in report.findings:
        style = STYLES[finding.severity]
        table.add_row(finding.severity, finding.check, f"{finding.count:,}", finding.message, style=style)
        for item in finding.items[:shown]:
            more = f", {len(item.samples) - SHOWN} more" if len(item.samples) > SHOWN else ""
            table.add_detail(f"{item.detail}{more}:", [report.uris[sample] for sample in item.samples[:SHOWN]])
    if not report.findings:
        table.add_row("", "", "", "Nothing was found.")
    if report.search is not None and (said := str(report.search)):
        table.caption = said
    return table
