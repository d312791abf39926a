"""The build: what is installed has the one import name ``vitrine``, whatever folders the repository has.

In the repository ``eval``, ``data`` and the other rooms are top-level packages. In a wheel they would hide modules of
the same name in the user's own project, so the build lays them under ``vitrine/`` and rewrites imports between them.
Everything else about the distribution stands in ``pyproject.toml``; see ``docs/decisions/0013-one-import-name.md``.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "vitrine"

MAIN = f'''"""``python -m {NAME}``."""

from {NAME} import main

if __name__ == "__main__":
    main()
'''


def rewrite_imports(source: bytes, rooms: Collection[str]) -> bytes:
    """Rewrite absolute imports of ``rooms`` as imports from ``vitrine``; nothing else changes, nor any line number.

    Args:
        source: a module, UTF-8.
        rooms: top-level names that move under ``vitrine``.

    Returns:
        The module, in which the same names are bound as before.
    """
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    insertions = []
    for node in ast.walk(ast.parse(source)):
        for line, column, insertion in _insertions(node, source, starts, rooms):
            insertions.append((starts[line - 1] + column, insertion.encode()))
    for at, added in sorted(insertions, reverse=True):
        source = source[:at] + added + source[at:]
    return source


def _insertions(
    node: ast.AST, source: bytes, starts: list[int], rooms: Collection[str]
) -> Iterator[tuple[int, int, str]]:
    """Line, column and text of what one import needs."""
    if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").partition(".")[0] in rooms:
        keyword = re.compile(rb"from(?:\s|\\\r?\n)+").match(source, starts[node.lineno - 1] + node.col_offset)
        assert keyword is not None  # noqa: S101 - the parser found it there
        yield node.lineno, node.col_offset + len(keyword[0]), f"{NAME}."
    elif isinstance(node, ast.Import):
        for alias in node.names:
            room = alias.name.partition(".")[0]
            if room not in rooms:
                continue
            yield alias.lineno, alias.col_offset, f"{NAME}."
            if alias.asname is None:  # 'import eval.x' binds 'eval'
                also = f", {NAME}.{room}" if "." in alias.name else ""
                yield alias.end_lineno or alias.lineno, alias.end_col_offset or 0, f"{also} as {room}"


def lay_out(folder: Path, rooms: Collection[str]) -> None:
    """Move packages and modules in ``folder`` under ``vitrine/``; ``vitrine.py`` becomes its ``__init__.py``."""
    top = folder / NAME
    top.mkdir()
    (folder / f"{NAME}.py").rename(top / "__init__.py")
    for room in rooms:
        place = folder / room if (folder / room).is_dir() else folder / f"{room}.py"
        place.rename(top / place.name)
    for path in top.rglob("*.py"):
        path.write_bytes(rewrite_imports(path.read_bytes(), rooms))
    (top / "__main__.py").write_text(MAIN, encoding="utf-8")
    (top / "py.typed").touch()


class BuildUnderOneName(build_py):  # type: ignore[misc]  # setuptools has no types
    """Lays packages and modules under ``vitrine/``. An editable install keeps the repository's layout."""

    def run(self) -> None:
        """Copy what ``pyproject.toml`` lists into an empty folder, then move it."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # modules of an earlier build that were since renamed
        super().run()
        names = [*(self.distribution.packages or ()), *(self.distribution.py_modules or ())]
        lay_out(Path(self.build_lib), {name.partition(".")[0] for name in names} - {NAME})


class OneName(Distribution):  # type: ignore[misc]
    """A distribution whose only top-level name is ``vitrine``."""

    def iter_distribution_names(self) -> Iterator[str]:
        """Names for ``top_level.txt``."""
        yield NAME


if __name__ == "__main__":
    setup(distclass=OneName, cmdclass={"build_py": BuildUnderOneName})
