"""Names in the product: no class name stands twice, and names that say nothing are not used."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("retrieval", "indexers", "eval", "training", "data")

EMPTY_NAMES = frozenset({"found", "each", "own", "there", "asked", "known"})
"""Names that do not say what they hold; name the thing: rows, banks, metrics, parts, draws, queries, gallery."""


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every variable, parameter, attribute and field that a module defines, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno


def test_a_module_that_breaks_the_rule_is_noticed() -> None:
    function = "def f(asked):\n    self._own: int = 1\n    return [each for each in x if (found := y)]\n"
    names = sorted(name.strip("_") for name, _ in defined(ast.parse(f"{function}class C:\n    known: int\n")))
    assert names == ["asked", "each", "found", "known", "own"]


@pytest.mark.parametrize("room", ROOMS)
def test_names_say_what_they_hold(room: str) -> None:
    empty = defaultdict(list)
    for path in (ROOT / room).rglob("*.py"):
        for name, line in defined(ast.parse(path.read_text(encoding="utf-8"))):
            if name.strip("_") in EMPTY_NAMES:
                empty[path.relative_to(ROOT).as_posix()].append(f"{name} (line {line})")
    assert not empty, f"name what these hold instead: {dict(empty)}"


def test_no_class_name_stands_twice() -> None:
    places = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert not twice, f"two classes of one name: {twice}"
