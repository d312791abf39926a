"""What the import contracts cannot say of the structure of ``eval``."""

from __future__ import annotations

import re
from collections import Counter

from tests.support.command_line import ROOT

EVAL = ROOT / "eval"
READERS = {"runs", "prompts", "commands"}
"""Rooms of ``eval`` that may read a store."""


def test_few_modules_of_eval_stand_outside_a_room() -> None:
    loose = {path.name for path in EVAL.glob("*.py")}
    assert {"__init__.py", "registry.py"} <= loose
    assert len(loose) <= 3, "eval/*.py are __init__, registry and at most one more: the others have a room"


def test_no_name_of_a_module_stands_more_than_twice_in_eval() -> None:
    names = Counter(path.name for path in EVAL.rglob("*.py") if not path.name.startswith("__"))
    assert [name for name, count in names.items() if count > 2] == []


def test_runs_prompts_and_commands_alone_read_a_store() -> None:
    reading = re.compile(r"\.(snapshot|thumbnails)\(")
    found = [path.relative_to(EVAL) for path in EVAL.rglob("*.py") if reading.search(path.read_text(encoding="utf-8"))]
    assert found, "the pattern finds no reader at all"
    assert [str(path) for path in found if path.parts[0] not in READERS] == []


def test_what_is_counted_on_test_is_opened_where_results_are_built() -> None:
    """A mode has the true labels within reach (an examiner counts with them), but none reads or opens them."""
    opening = re.compile(r"\.open\(\)|\.truth\b|\._value\b")
    modes = [
        *(EVAL / "modes").rglob("*.py"),
        *(EVAL / "classification").rglob("*.py"),
        *(EVAL / "scorers").rglob("*.py"),
    ]
    found = {path.name for path in modes if opening.search(path.read_text(encoding="utf-8"))}
    assert found == {"examiner.py", "figures.py"}


def test_what_is_printed_goes_through_the_functions_that_escape_names() -> None:
    """Names come from strangers: ``retrieval/commands/options.py`` prints, and elsewhere ``printable`` is beside it."""
    printing = re.compile(r"^.*(?:(?<![\w.])print\(|click\.s?echo\(|Console\().*$", re.MULTILINE)
    rooms = ("retrieval", "indexers", "eval", "training")
    paths = [ROOT / "cli.py", *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
    allowed = {"retrieval/commands/options.py", "retrieval/console.py"}
    lines = {
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in paths
        for line in printing.findall(path.read_text(encoding="utf-8"))
    }
    found = {(path, line) for path, line in lines if path not in allowed}
    assert found, "the pattern finds no printing at all"
    assert sorted(line for line in found if "printable(" not in line[1] and "plain_console(" not in line[1]) == []
