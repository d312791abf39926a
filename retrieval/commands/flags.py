"""Options in messages: the library writes `source_name`, as Python does; a command shows its own ``--source-name``."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

OPTION = re.compile(r"`([\w.]+)(?:=([^`]*))?`")

FREE = "KEY=VALUE"
"""The metavar of options that take the options of a mode or a source."""


def with_flags(message: str, command: click.Command) -> str:
    """Write the options that a message names as the command takes them.

    `` `space` `` and `` `space=resnet` `` become ``--space`` and ``--space resnet``; names that are no parameter of the
    command become ``-o name=value``, where it has such an option.
    """
    params = {str(param.name): param for param in _params(command)}
    free = next((param.opts[0] for param in params.values() if param.metavar == FREE), None)

    def shown(match: re.Match[str]) -> str:
        name, value = match.groups()
        param = params.get(name)
        if param is None:
            return " ".join(filter(None, (free, name if value is None else f"{name}={value}")))
        if isinstance(param, click.Argument):
            return param.make_metavar(click.Context(command))
        flag = next((opt for opt in param.opts if opt.startswith("--")), param.opts[0])
        return flag if value is None or getattr(param, "is_flag", False) else f"{flag} {value}"

    return OPTION.sub(shown, message)


def _params(command: click.Command) -> Iterator[click.Parameter]:
    """Parameters of a command, or of all commands of a group."""
    yield from command.params
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from _params(inner)
