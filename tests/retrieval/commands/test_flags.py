"""Options that library code names are shown as the command writes them."""

from __future__ import annotations

import click
import pytest

import cli
from retrieval.commands.flags import with_flags


@click.command("x")
@click.argument("path")
@click.option("--source-name")
@click.option("--as", "kind")
@click.option("--column", "columns", multiple=True)
@click.option("--no-thumbnails", "thumbnails", flag_value=False, default=True)
@click.option("-o", "options", metavar="KEY=VALUE", multiple=True)
@click.option("--id", "sample_id")
def command(**options: object) -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("give it a name with `source_name`.", "give it a name with --source-name."),
        ("not for `kind=bank`; leave it out", "not for --as bank; leave it out"),
        ("say `columns=filepath=NAME` or `columns=label=`", "say --column filepath=NAME or --column label="),
        ("pass `thumbnails=False`", "pass --no-thumbnails"),
        ("pass `val_from=train:0.1` or `tip.beta`", "pass -o val_from=train:0.1 or -o tip.beta"),
        ("say `columns=label=the name`", "say --column 'label=the name'"),
        ("pass `aspect=dorsal right`", "pass -o 'aspect=dorsal right'"),
        ("write `id=a b.jpg`", "write --id 'a b.jpg'"),
        ("`path` is a folder", "PATH is a folder"),
        ("no option 'veiws'. Did you mean 'views'?", "no option 'veiws'. Did you mean 'views'?"),
    ],
)
def test_names_become_flags(said: str, shown: str) -> None:
    assert with_flags(said, command) == shown


def test_names_that_no_command_takes_lose_their_quotes() -> None:
    bare = click.Command("y", params=[click.Option(["--store"])])
    assert with_flags("`store` and `where=a`", bare) == "--store and where=a"


def test_a_group_knows_the_options_of_its_commands() -> None:
    group = cli.LazyGroup().get_command(click.Context(cli.cli), "prompts")
    assert isinstance(group, click.Group)
    assert with_flags("give `attributes`", group) == "give --attributes"
