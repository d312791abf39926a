"""The build rewrites imports and nothing else; no string of ours names a module absolutely."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"cli", "data", "eval", "indexers", "retrieval", "training"}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """``setup.py`` as a module."""
    spec = importlib.util.spec_from_file_location("vitrine_setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "marked",
    [
        "from @eval.modes.reid import MODE",
        "from @data import names as n, folder",
        "from  \\\n  @data import names",
        "from @retrieval.types import (\n    Sample,  # from data import\n)",
        "import @eval.splits as y",
        "import os, @eval.splits as y, sys",
        "if TYPE_CHECKING:\n\tfrom @eval.splits import SplitSet",
        "def f():\n    é = 'ü'; from @data.names import é",
        "try: from @training import loop\nexcept ImportError: from @cli import main",
        "import vitrine; from vitrine import search",
        "import evaluate, dataset, data_folder as data",
        "from database.data import eval",
        "from torch.utils import data",
        "from . import data",
        "from .data import x\r\nfrom ..eval import y\r\nimport @data.x as data\r\n",
        "text = 'import data'  # import data",
        '"""\nimport eval.x\nfrom data import y\n"""\nfrom @data import y',
        "data = eval('retrieval'); data.training = self.data",
        "def data(eval, cli=None): return eval.x",
        "x = [data for data in eval]",
        "print(f'{data.x} from data import {eval}')",
        "",
    ],
)
def test_imports_of_rooms_are_rewritten_and_nothing_else(build: ModuleType, marked: str) -> None:
    source = marked.replace("@", "").encode()
    assert build.rewrite_imports(source, ROOMS).decode() == marked.replace("@", "vitrine.")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("import cli", "import vitrine.cli as cli"),
        ("import eval.x; eval.x.f()", "import vitrine.eval.x, vitrine.eval as eval; eval.x.f()"),
        ("import os, data.a, sys", "import os, vitrine.data.a, vitrine.data as data, sys"),
        ("import data.a, data.b as b", "import vitrine.data.a, vitrine.data as data, vitrine.data.b as b"),
    ],
)
def test_an_import_binds_the_name_that_it_bound_before(build: ModuleType, source: str, wanted: str) -> None:
    assert build.rewrite_imports(source.encode(), ROOMS).decode() == wanted


def test_every_module_of_ours_parses_after_the_rewriting(build: ModuleType) -> None:
    for path in _product():
        source = path.read_bytes()
        rewritten = build.rewrite_imports(source, ROOMS)
        tree = ast.parse(rewritten, str(path))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not {name for name in imported if name.partition(".")[0] in ROOMS}, path
        assert rewritten.count(b"\n") == source.count(b"\n"), path


def test_no_string_names_a_module_absolutely() -> None:
    """Such a string is right in a checkout and wrong where Vitrine is installed; tables say ``.modes.reid:MODE``."""
    absolute = re.compile(rf"((?:{'|'.join(sorted(ROOMS))})(?:\.\w+)+)(?::\w+)?")
    for path in _product():
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = absolute.fullmatch(node.value)
                place = ROOT.joinpath(*named[1].split(".")) if named else ROOT / "none"
                assert not place.is_dir(), f"{path}:{node.lineno}: {node.value}"
                assert not place.with_suffix(".py").exists(), f"{path}:{node.lineno}: {node.value}"


def test_public_names_are_no_rooms() -> None:
    import vitrine

    assert not ROOMS & set(vitrine.__all__)


def test_pyproject_lists_every_room() -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    listed = {*tables["packages"]["find"]["include"], *tables["py-modules"]}
    assert {name.partition(".")[0] for name in listed} == {*ROOMS, "vitrine"}
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == ROOMS - {"cli"} | {"docs", "tests"}


def _product() -> list[Path]:
    rooms = sorted(ROOMS - {"cli"})
    return [ROOT / "cli.py", ROOT / "vitrine.py", *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
