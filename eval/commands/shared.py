"""What several commands of ``eval`` share: checks of names and options, and options of many values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from retrieval.errors import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def checked_name(
    kind: str, table: Mapping[str, str]
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Make a callback for an option that takes a name of ``table``; another name is a usage error with a suggestion."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in table:
            names = ", ".join(table)
            raise click.BadParameter(f"no {kind} '{value}'.{suggest(value, table)} There is: {names}.", ctx, param)
        return value

    return check


MANY_VALUES = ("--prompts", "--arm")
"""Options that take all words that follow them."""

STORE_REMINDER = " (and --store, where the store is not ./store)"
"""Appended to usage errors: reminds the user of --store."""


class ManyValues(click.Command):
    """A command whose options :data:`MANY_VALUES` take all words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``--prompts A B`` as ``--prompts A --prompts B``.

        Raises:
            click.BadOptionUsage: no word follows such an option.
        """
        rewritten: list[str] = []
        option: str | None = None
        for word, after in zip_longest(args, args[1:], fillvalue="-"):
            if word in MANY_VALUES:
                if after.startswith("-"):
                    raise click.BadOptionUsage(word, f"Option '{word}' requires an argument.", ctx)
                option = word
            elif word.startswith("-"):
                option = word.partition("=")[0] if word.startswith(tuple(f"{name}=" for name in MANY_VALUES)) else None
                rewritten.append(word)
            else:
                rewritten += [word] if option is None else [option, word]
        return super().parse_args(ctx, rewritten)


def say_warnings(warnings: Mapping[str, Sequence[str]] | Sequence[str]) -> None:
    """Print warnings on standard error: each once, those that make numbers wrong first.

    Args:
        warnings: sentences; or name of a result -> sentences about it. Results that share a sentence are named in it.
    """
    from eval.views.warning_order import worst_first
    from retrieval.commands.options import note

    by_name = warnings if isinstance(warnings, Mapping) else {"": warnings}
    names: dict[str, dict[str, None]] = {}
    for name, sentences in by_name.items():
        for sentence in sentences:
            names.setdefault(sentence, {})[name] = None
    for sentence in worst_first(names):
        of = ", ".join(filter(None, names[sentence]))
        note(f"Warning ({of}): {sentence}" if of else f"Warning: {sentence}")


def refuse_others(allowed: set[str], why: str) -> None:
    """Refuse options of the command line that are not in ``allowed``; ``why`` completes "--x does not go with ...".

    Raises:
        click.UsageError: names the first such option.
    """
    ctx = click.get_current_context()
    for param in ctx.command.params:
        given = param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
        if given and param.name not in allowed:
            raise click.UsageError(f"{param.opts[0]} does not go with {why}.")
