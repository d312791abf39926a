"""One case of the golden numbers: a command, and what it leaves."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-9
"""Absolute difference of two floats that still counts as equal."""

STACKER_TOLERANCE = 1e-6
"""The same for the stacker, whose weights come from an iterative solver."""


@dataclass(frozen=True)
class Case:
    """A command line of Vitrine.

    ``argv`` may hold ``{inputs}``, ``{stores}``, ``{out}`` (folders of the recording) and ``{shared}``. ``files``, in
    ``{out}``, are read after the command and compared like what it printed. ``exit`` is the status it should have.
    """

    name: str
    argv: tuple[str, ...]
    files: tuple[str, ...] = ()
    exit: int = 0
    tolerance: float = TOLERANCE

    def to_dict(self, folders: dict[str, str]) -> dict[str, Any]:
        """Plain values for the runner, names of folders filled in."""
        argv = list(self.argv)
        for name, folder in folders.items():
            argv = [word.replace(f"{{{name}}}", folder) for word in argv]
        if any(word.startswith("{") for word in argv):
            raise ValueError(f"{self.name}: a folder of {argv} has no value")
        return {
            "name": self.name, "argv": argv, "files": list(self.files), "expected_exit": self.exit,
            "tolerance": self.tolerance,
        }  # fmt: skip


def command(name: str, text: str, **more: Any) -> Case:
    """A case of a whole command line."""
    return Case(name, tuple(shlex.split(text)), **more)


def evaluations(group: str, mode: str, store: str, lines: dict[str, str], always: str = "", **more: Any) -> list[Case]:
    """Cases of ``eval --mode MODE``: name -> the options of each."""
    head = f"eval --mode {mode} --store {{stores}}/{store} --json {always} "
    return [command(f"{group}/{mode}/{name}", head + words, **more) for name, words in lines.items()]


def refusals(lines: Iterable[tuple[str, int, str]]) -> list[Case]:
    """Cases that must fail: name, exit status, command line."""
    return [command(f"refused/{name}", text, exit=status) for name, status, text in lines]
