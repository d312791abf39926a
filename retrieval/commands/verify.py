"""The command ``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from retrieval.commands.options import json_option, print_json, print_line, store_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retrieval.store.findings import StoreFinding


@click.command("verify")
@click.option(
    "--repair",
    is_flag=True,
    help="Take out what is damaged and can be made again; then index or evaluate again.",
)
@click.option(
    "--forgotten",
    multiple=True,
    metavar="NAME",
    help="Instead, search every file for an id, a path or an identity that was forgotten; may be given several times.",
)
@store_option
@json_option
def verify_command(store: str, repair: bool, forgotten: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Read everything in a store and compare it with its digests.

    Each damaged file or row is a line that says what to do. The exit status is 1 if a check fails.
    """
    from retrieval.store.open import open_store
    from retrieval.store.verify import verify_names, verify_store

    if repair and forgotten:
        raise click.UsageError("Say one of --repair and --forgotten.")
    opened = open_store(store)
    findings = verify_names(opened, forgotten, quiet=as_json) if forgotten else verify_store(opened, repair=repair)
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        _print_findings(findings)
    if any(finding.wrong for finding in findings):
        raise click.exceptions.Exit(1)


def _print_findings(findings: Iterable[StoreFinding]) -> None:
    for finding in findings:
        mark = "wrong" if finding.wrong else "ok   "
        print_line(f"{mark}  {finding.check}: {finding.detail}")
