"""The command ``audit``, which looks for leaks, duplicates and suspected labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eval.commands.shared import checked_name
from eval.registry import PROTOCOLS
from retrieval.commands.options import (
    PicturePath,
    json_option,
    note,
    print_json,
    print_tables,
    space_option,
    store_option,
)
from retrieval.files import make_folder_of

EXIT_FINDINGS = 4
"""Exit status of an audit with findings; 1 is failure, 2 wrong usage, 3 unreadable files."""


@click.command("audit")
@click.option("--protocol", callback=checked_name("protocol", PROTOCOLS), help="Audit the draws of this protocol.")
@click.option("--aspect", help="Of the protocol: one aspect, or 'all'.")
@click.option(
    "--split-set", metavar="NAME|FILE", help="Audit a stored split set, or a CSV with draw,role and id or uri."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the protocol's draws.")
@click.option(
    "--bits",
    type=click.IntRange(0, 3),
    default=3,
    show_default=True,
    help="In how many bits the perceptual hashes of near-duplicates may differ.",
)
@click.option(
    "--exact", is_flag=True, help="Compare all pairs of more than 50,000 vectors, too (time grows with their square)."
)
@click.option("--show", type=click.IntRange(min=0), default=5, show_default=True, help="Cases shown of each finding.")
@click.option("--sheet", type=PicturePath(".png"), help="Write the worst pairs (PNG).")
@click.option("--strict", is_flag=True, help="Warnings, too, make the exit status 4.")
@store_option
@space_option
@json_option
def audit_command(
    show: int,
    sheet: Path | None,
    strict: bool,  # noqa: FBT001 - Click passes flags by name
    store: str,
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Find leaks, duplicates and suspected labels, from the store alone: no image is opened.

    Without --protocol or --split-set the roles are the samples' own splits. Exit status: 0 no error was found, 4 at
    least one was (or, with --strict, a warning), 1 could not, 2 wrong usage. Errors make numbers wrong (shared
    identities, the same picture or group on both sides), warnings may (near-duplicates, suspected labels), notes
    should be known.
    """
    from eval.audit.report import audit_sheet
    from eval.runs.audit import audit, sample_keys
    from eval.views.audit_tables import audit_table
    from retrieval.store.open import open_store

    opened = open_store(store)
    if sheet is not None:
        make_folder_of(sheet, "--sheet")
    report = audit(opened, **options)
    if as_json:
        print_json(report.to_dict())
    else:
        print_tables([audit_table(report, show)])
    if sheet is not None:
        with opened.snapshot() as snapshot:
            has_pairs = audit_sheet(report, sample_keys(snapshot), snapshot.thumbnails, sheet)
        note(f"Contact sheet: {sheet}" if has_pairs else "No pairs were found, so there is no contact sheet.")
    if report.fails(strict=strict):
        raise click.exceptions.Exit(EXIT_FINDINGS)
