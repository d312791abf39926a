"""Command-line options that several commands share."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from retrieval.commands.flags import with_flags

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

FOLDED = 16
"""How narrow a column of a table that folds its words may become."""

BOUNDLESS = 1_000_000

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


def print_table(shown: RenderableType) -> None:
    """Print a table, or a group with tables, whole: where the terminal is too narrow its lines run on in the next."""
    from rich.console import Group
    from rich.table import Table

    out = console()
    parts = shown.renderables if isinstance(shown, Group) else [shown]
    out.width = max([out.width, *(_least_width(out, part) for part in parts if isinstance(part, Table))])
    out.print(shown)


def _least_width(out: Console, table: Table) -> int:
    """How wide a table must be to lose nothing; columns that fold may be as narrow as :data:`FOLDED`."""
    from rich.measure import Measurement

    boundless = out.options.update(width=BOUNDLESS)
    width = Measurement.get(out, boundless, table).maximum
    for column in table.columns:
        if column.overflow == "fold":
            natural = max(Measurement.get(out, boundless, cell).maximum for cell in (column.header, *column.cells))
            width -= max(0, natural - FOLDED)
    return width


def print_json(value: Any) -> None:
    """Print one JSON document, indented, keys in their own order, non-ASCII as it is."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def note(message: str) -> None:
    """Say something beside the result: on standard error, options as the command has them."""
    context = click.get_current_context(silent=True)
    click.echo(message if context is None else with_flags(message, context.command), err=True)
