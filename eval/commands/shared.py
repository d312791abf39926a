"""Parts that several commands of the read side share."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from retrieval.errors import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def listed(kind: str, table: Mapping[str, str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback for names of a closed table: an unknown one is wrong usage, with the nearest name."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in table:
            there = ", ".join(table)
            raise click.BadParameter(f"no {kind} '{value}'.{suggest(value, table)} There is: {there}.", ctx, param)
        return value

    return check


MANY = ("--prompts", "--arm")


OF_STORE = " (and --store, where the store is not ./store)"
"""What else a command needs that was called without what it cannot do without."""


class ManyValues(click.Command):
    """A command whose options ``--prompts`` and ``--arm`` take all words that follow them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``--prompts A B`` as ``--prompts A --prompts B``.

        Raises:
            click.BadOptionUsage: such an option has no word after it.
        """
        written: list[str] = []
        taking: str | None = None
        for word, after in zip_longest(args, args[1:], fillvalue="-"):
            if word in MANY:
                if after.startswith("-"):
                    raise click.BadOptionUsage(word, f"Option '{word}' requires an argument.", ctx)
                taking = word
            elif word.startswith("-"):
                taking = word.partition("=")[0] if word.startswith(tuple(f"{name}=" for name in MANY)) else None
                written.append(word)
            else:
                written += [word] if taking is None else [taking, word]
        return super().parse_args(ctx, written)


def refuse_others(allowed: set[str], why: str) -> None:
    """Refuse options that were given beside those that make sense.

    Raises:
        click.UsageError: naming the first.
    """
    ctx = click.get_current_context()
    for param in ctx.command.params:
        given = param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
        if given and param.name not in allowed:
            raise click.UsageError(f"{param.opts[0]} does not go with {why}.")
