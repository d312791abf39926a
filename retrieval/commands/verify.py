"""The command ``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retrieval.commands.options import json_option, print_json, store_option

if TYPE_CHECKING:
    from retrieval.store.verify import StoreFinding


@click.command("verify")
@store_option
@json_option
def verify_command(store: str, as_json: bool) -> None:  # noqa: FBT001
    """Check that vectors are finite, of length one and of a registered space, and that samples are unique.

    The exit status is 1 if a check fails.
    """
    from retrieval.store.open import open_store
    from retrieval.store.verify import verify

    with open_store(store).snapshot() as snapshot:
        findings = verify(snapshot)
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        _print_findings(findings)
    if any(finding.wrong for finding in findings):
        raise click.exceptions.Exit(1)


def _print_findings(findings: list[StoreFinding]) -> None:
    for finding in findings:
        mark = "wrong" if finding.wrong else "ok   "
        click.echo(f"{mark}  {finding.check}: {finding.detail}")
