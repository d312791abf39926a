"""Command-line options that several commands share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from retrieval.commands.flags import with_flags
from retrieval.console import plain_console
from retrieval.errors import InputError
from retrieval.escapes import json_text, printable
from retrieval.files import check_picture
from retrieval.image_formats import MAX_PIXELS

if TYPE_CHECKING:
    from rich.console import Console

    from retrieval.fitted_table import FittedTable

F = TypeVar("F", bound=Callable[..., object])

BOUNDLESS = 1_000_000

store_option = click.option(
    "--store",
    envvar="VITRINE_STORE",
    default="./store",
    show_default=True,
    show_envvar=True,
    help="Folder of the store.",
)
space_option = click.option(
    "--space",
    envvar="VITRINE_SPACE",
    show_envvar=True,
    help="Space: its name or the beginning of it. Without it, the default: the promoted or only one.",
)
where_option = click.option("--where", metavar="SQL", help="Only samples that meet this condition over their columns.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)


class PicturePath(click.Path):
    """The path of a picture that a command writes, whose suffix is one of those that it can write."""

    def __init__(self, *suffixes: str) -> None:
        """Take the suffixes, such as ``.png``."""
        super().__init__(path_type=Path, dir_okay=False)
        self._suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; another suffix is wrong usage."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            check_picture(path, self._suffixes)
        except InputError as error:
            self.fail(str(error), param, ctx)
        return path


def max_pixels_option(of: str) -> Callable[[F], F]:
    """Return the option ``--max-pixels``; ``of`` says of what."""
    return click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        default=MAX_PIXELS,
        show_default=True,
        help=f"Largest number of pixels of {of}.",
    )


def console() -> Console:
    """Return a console as wide as the terminal; without one as ``COLUMNS`` says, else so wide that no line wraps."""
    columns = os.environ.get("COLUMNS", "")
    return plain_console(
        width=None if sys.stdout.isatty() else int(columns) if columns.isdecimal() and int(columns) else BOUNDLESS
    )


def print_tables(tables: Iterable[FittedTable], out: Console | None = None) -> None:
    """Print tables with an empty line between them; names and paths wider than the terminal are not cut."""
    out = out or console()
    for number, table in enumerate(tables):
        if number:
            out.print()
        out.print(table, crop=False)


def print_json(value: Any) -> None:
    """Print a JSON document, indented, with keys in the given order and non-ASCII characters unescaped."""
    print_document(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def print_document(document: str) -> None:
    """Print a JSON document as it is; invisible characters are written as escapes of JSON."""
    click.echo(json_text(document.removesuffix("\n")))


def print_line(text: str) -> None:
    """Print a line; invisible characters of names in it are written as their escapes."""
    click.echo(printable(text))


def note(message: str) -> None:
    """Print a note on standard error, with names of options as flags of the command."""
    context = click.get_current_context(silent=True)
    click.echo(printable(message if context is None else with_flags(message, context.command)), err=True)
