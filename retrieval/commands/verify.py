"""The command ``verify``."""

from __future__ import annotations

import click

from retrieval.commands.options import json_option, print_json, print_tables, store_option


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

    Of each damaged file or row it is said what to do. The exit status is 1 if a check fails.
    """
    from retrieval.store.findings import findings_table
    from retrieval.store.open import open_store
    from retrieval.store.verify import verify_names, verify_store

    if repair and forgotten:
        raise click.UsageError("Say one of --repair and --forgotten.")
    opened = open_store(store)
    findings = verify_names(opened, forgotten, quiet=as_json) if forgotten else verify_store(opened, repair=repair)
    if as_json:
        print_json([finding.to_dict() for finding in findings])
    else:
        print_tables([findings_table(findings)])
    if any(finding.wrong for finding in findings):
        raise click.exceptions.Exit(1)
