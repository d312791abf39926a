"""Command-line options that several commands share."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

store_option = click.option(
    "--store",
    envvar="VITRINE_STORE",
    default="./store",
    show_default=True,
    show_envvar=True,
    help="Folder of the store.",
)
space_option = click.option("--space", help="Space: its name or the beginning of it. Not needed when there is one.")
where_option = click.option("--where", metavar="SQL", help="Only samples that meet this condition over their columns.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)


def console() -> Console:
    """A console for tables: as wide as the terminal, and wide enough not to cut anything where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document, indented, keys in their own order, non-ASCII as it is."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def note(message: str) -> None:
    """Say something beside the result: on standard error."""
    click.echo(message, err=True)
