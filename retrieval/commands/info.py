"""The command ``info``."""

from __future__ import annotations

from typing import Any

import click

from retrieval.commands.options import console, json_option, print_json, store_option
from retrieval.store.info import describe


@click.command("info")
@store_option
@json_option
def info_command(store: str, as_json: bool) -> None:  # noqa: FBT001
    """What a store holds: spaces, counts, size on disk, versions."""
    from retrieval.store.open import open_store

    description = describe(open_store(store))
    if as_json:
        print_json(description)
    else:
        print_description(description)


MOST_CLASSES = 20
"""Rows of a per-class list that people are shown; ``--json`` has all."""


def print_description(found: dict[str, Any]) -> None:
    """Print what :func:`describe` found."""
    from rich.table import Table

    out = console()
    counts = ", ".join(_counted(number, name.replace("_", " ")) for name, number in found["counts"].items() if number)
    size = "" if found["bytes"] is None else f", {_human(found['bytes']['total'])} on disk"
    out.print(f"{found['store']}: version {found['store_version']}, {counts or 'empty'}{size}")
    spaces = Table(
        "space", "vectors", "dimension", "views", "encoder", "weights", "precision", box=None, pad_edge=False
    )
    for space in found["spaces"]:
        kind = "imported" if space["imported"] else space["encoder"]
        weights = space["weights"].rsplit("/", 1)[-1]
        views = ",".join(space["views"])
        numbers = (f"{space['vectors']:,}", str(space["dimension"]))
        spaces.add_row(space["name"], *numbers, views, kind, weights, space["precision"])
    if found["spaces"]:
        out.print(spaces)
    for name, title in (
        ("per_source", "source"),
        ("per_split", "split"),
        ("per_aspect", "aspect"),
        ("per_class", "label"),
    ):
        _print_counts(out, title, found[name])
    for failure in found["failures"][:MOST_CLASSES]:
        out.print(f"unreadable: {failure['source']} {failure['uri']}: {failure['reason']}")


def _print_counts(out: Any, title: str, counts: dict[str, int]) -> None:
    if counts:
        shown = ", ".join(f"{name} {number:,}" for name, number in list(counts.items())[:MOST_CLASSES])
        more = f", and {len(counts) - MOST_CLASSES} more" if len(counts) > MOST_CLASSES else ""
        out.print(f"per {title}: {shown}{more}")


def _counted(number: int, things: str) -> str:
    one = {"identities": "identity"}.get(things, things.removesuffix("s"))
    return f"{number:,} {one if number == 1 else things}"


def _human(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
