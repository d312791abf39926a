"""Rewrite the names of options in messages: `source_name` of the library is shown as ``--source-name`` by commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

OPTION = re.compile(r"`([\w.]+)(?:=([^`]*))?`")

FREE = "KEY=VALUE"
"""Metavar of command-line options that take options of a mode or a source, such as ``-o``."""


def with_flags(message: str, command: click.Command) -> str:
    """Replace names of options in backticks by the flags of a command.

    `` `space` `` and `` `space=resnet` `` become ``--space`` and ``--space resnet``. Names that are not parameters of
    the command become ``-o name=value``, if it has such an option. Values are quoted where a shell needs it.
    """
    params = {opt.lstrip("-").replace("-", "_"): param for param in _params(command) for opt in param.opts}
    params |= {str(param.name): param for param in _params(command)}
    free_flag = next((param.opts[0] for param in params.values() if param.metavar == FREE), None)

    def flag_of(match: re.Match[str]) -> str:
        name, value = match.groups()
        param = params.get(name)
        if param is None:
            return " ".join(filter(None, (free_flag, name if value is None else _quoted(f"{name}={value}"))))
        if isinstance(param, click.Argument):
            return param.make_metavar(click.Context(command))
        flag = next((opt for opt in param.opts if opt.startswith("--")), param.opts[0])
        return flag if value is None or getattr(param, "is_flag", False) else f"{flag} {_quoted(value)}"

    return OPTION.sub(flag_of, message)


def _quoted(value: str) -> str:
    """Return a value as a shell takes it; an empty one, and one that is cut short (``...``), stay as they are."""
    return shlex.quote(value) if value else value


def _params(command: click.Command) -> Iterator[click.Parameter]:
    """Yield the parameters of a command, or of all commands of a group."""
    yield from command.params
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from _params(inner)
