"""The command ``encoders``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from retrieval.commands.options import json_option, note, print_json, print_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.encoders.catalogue import CatalogueEntry

SHOWN_WEIGHTS = 3
"""Largest number of tags of a model in the table; JSON has all."""


@click.command("encoders")
@click.argument("word", required=False)
@json_option
def encoders_command(word: str | None, as_json: bool) -> None:  # noqa: FBT001 - Click passes flags by name
    """List names of encoders, with what they stand for, licence and size of their images. Needs no network.

    Without WORD these are the short names. With it, they are all names that contain it: short names, names of the same
    weights elsewhere (facebook/dinov2-base, dinov2_vitb14), and models of open_clip, timm and torchvision.
    """
    from retrieval.encoders.catalogue import encoders

    entries = encoders(word or "")
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    _print_entries(entries)
    if not word:
        note("'vitrine encoders WORD' also looks among the models of open_clip, timm and torchvision.")


def _print_entries(entries: Sequence[CatalogueEntry]) -> None:
    from retrieval.fitted_table import FittedTable

    table = FittedTable()
    for name in ("name", "stands for", "licence", "pixels"):
        table.add_column(name)
    if models := any(len(entry.weights) > 1 for entry in entries):
        table.add_column("weights", "prose")
    for entry in entries:
        height, width = entry.size
        pixels = str(width) if height == width else f"{width} x {height}"
        stands_for = "" if entry.full_name == entry.name else entry.full_name
        weights = [_weights(entry.weights)] if models else []
        table.add_row(entry.name, stands_for, entry.licence or "see its card", pixels, *weights)
    print_tables([table])


def _weights(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags of a model's weights for the table, with the number of those that are left out."""
    more = [f"and {len(tags) - SHOWN_WEIGHTS} more"] if len(tags) > SHOWN_WEIGHTS else []
    return (*tags[:SHOWN_WEIGHTS], *more)
