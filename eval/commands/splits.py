"""The commands ``splits list | export``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from retrieval.commands.options import json_option, note, print_json, print_tables, store_option


@click.group("splits")
def splits_group() -> None:
    """List and export stored split sets."""


@splits_group.command("list")
@store_option
@json_option
def list_command(store: str, as_json: bool) -> None:  # noqa: FBT001
    """Names of the stored split sets and the hashes of their rows."""
    from eval.views.split_sets import split_sets_table
    from retrieval.store.open import open_store

    sets = dict(open_store(store).split_sets())
    if as_json:
        print_json(sets)
    elif sets:
        print_tables([split_sets_table(sets)])
    else:
        note("The store has no split sets yet; 'eval' keeps those it draws.")


@splits_group.command("export")
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write.")
@click.option(
    "--by",
    type=click.Choice(["id", "uri"]),
    default="id",
    show_default=True,
    help="How samples are named: uri for another store, in which they have other ids.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@store_option
@json_option
def export_command(name: str, out: Path, by: Literal["id", "uri"], store: str, force: bool, as_json: bool) -> None:  # noqa: FBT001
    """Write the split set NAME as CSV, which 'eval --split-set FILE' reads."""
    from eval.protocols.split_sets import splits_to_csv
    from eval.runs.reading import resolve_split_set, sample_origins
    from retrieval.files import check_new, write_atomically
    from retrieval.store.open import open_store

    check_new(out, force=force)
    opened = open_store(store)
    splits = opened.read_splits(resolve_split_set(opened, name))
    with opened.snapshot() as snapshot:
        places = sample_origins(snapshot)
    write_atomically(out, splits_to_csv(splits, places, by))
    if as_json:
        print_json({"out": str(out), "name": splits.name, "sha256": splits.sha256, "rows": len(splits.draw)})
    else:
        note(f"{len(splits.draw)} rows: {out}")
