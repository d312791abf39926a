"""The command ``info``."""

from __future__ import annotations

import click

from retrieval.commands.options import json_option, print_json, print_tables, store_option
from retrieval.store.info import describe, info_tables


@click.command("info")
@store_option
@json_option
def info_command(store: str, as_json: bool) -> None:  # noqa: FBT001
    """Show the contents of a store: spaces, counts, size on disk, versions."""
    from retrieval.store.open import open_store

    description = describe(open_store(store))
    if as_json:
        print_json(description)
    else:
        print_tables(info_tables(description))
