"""What is installed, in an environment of its own, inside a project whose modules have the names of our rooms."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("data", "eval", "indexers", "retrieval", "training")
FILES = ("LICENSE", "MANIFEST.in", "README.md", "cli.py", "pyproject.toml", "setup.py", "vitrine.py")
STRANGERS = ("cli.py", "data/dataset.py", "eval.py", "indexers/rows.py", "retrieval.py", "training.py")
"""Modules of the project; its folders have no ``__init__.py`` and would lose against packages that do."""

pytestmark = pytest.mark.slow


def _run(*words: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=cwd, env=env, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(source: Path, out: Path, kind: str) -> Path:
    """Build a wheel or an sdist of ``source`` with the set-up tools at hand."""
    code = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    out.mkdir()
    _run(sys.executable, "-c", code, out, cwd=source)
    (built,) = out.iterdir()
    return built


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built, so that nothing is left in the checkout, with leftovers of an earlier build."""
    folder = tmp_path_factory.mktemp("source") / "vitrine"
    drawn = {path.name for path in (ROOT / "data").iterdir() if path.is_dir()} - {"models"}
    for room in ROOMS:
        skipped = shutil.ignore_patterns("__pycache__", *(drawn if room == "data" else ()))
        shutil.copytree(ROOT / room, folder / room, ignore=skipped)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    for stale in ("eval", "vitrine/eval"):
        (folder / "build" / "lib" / stale).mkdir(parents=True)
        (folder / "build" / "lib" / stale / "old.py").touch()
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout."""
    return _build(source, tmp_path_factory.mktemp("built") / "wheel", "wheel")


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin/`` of an environment with the wheel; what it depends on is found in this one, which has ours as ``-e``."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=wheel.parent)
    python = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder)})) / Path(sys.executable).name
    place = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=wheel.parent).strip())
    install = ("install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", wheel)
    _run(sys.executable, "-m", "pip", "--python", python, *install, cwd=wheel.parent)
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}  # their own .pth files are not read
    (place / "dependencies.pth").write_text("\n".join(sorted(places)), encoding="utf-8")
    return python.parent


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's project with modules of its own, named as ours."""
    folder = tmp_path_factory.mktemp("project")
    for name in STRANGERS:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"OWNER = 'the project, {name}'\n", encoding="utf-8")
    return folder


def test_a_wheel_has_one_name_and_all_that_belongs_to_it(source: Path, wheel: Path) -> None:
    names = set(_contents(wheel))
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"vitrine"}
    assert {"vitrine/__init__.py", "vitrine/__main__.py", "vitrine/cli.py", "vitrine/py.typed"} <= names
    there = {path for room in ROOMS for path in (source / room).rglob("*") if path.is_file()}
    assert {f"vitrine/{path.relative_to(source)}" for path in there} == {
        name for name in names if name.startswith(tuple(f"vitrine/{room}/" for room in ROOMS))
    }
    assert sum(name.startswith("vitrine/data/models/") for name in names) > 3
    assert any(name.startswith("vitrine/training/recipes/") for name in names)
    (top,) = (text for name, text in _contents(wheel).items() if name.endswith("/top_level.txt"))
    assert top.split() == [b"vitrine"]


def test_an_sdist_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = _build(source, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert not (unpacked / "tests").exists()
    assert _contents(_build(unpacked, tmp_path / "wheel", "wheel")) == _contents(wheel)


def test_the_project_keeps_its_modules_and_vitrine_has_its_own(binaries: Path, project: Path) -> None:
    code = f"""
import sys, vitrine, data.dataset, eval, training, cli, retrieval, indexers.rows
assert vitrine.__file__.startswith(sys.prefix), vitrine.__file__
for module in (data.dataset, eval, training, cli, retrieval, indexers.rows):
    assert module.OWNER.startswith("the project"), module
for name in vitrine.__all__:
    assert getattr(vitrine, name) is not None
from vitrine.retrieval.types import Sample
assert vitrine.Sample is Sample
assert {{name for name in sys.modules if name.split(".")[0] in {(*ROOMS, "cli")}}} == {{
    "data", "data.dataset", "eval", "training", "cli", "retrieval", "indexers", "indexers.rows"
}}
"""
    _run(binaries / "python", "-c", code, cwd=project)


def test_every_module_and_every_name_of_a_table_is_found(binaries: Path, project: Path) -> None:
    code = f"""
import importlib, pkgutil, sys, vitrine
for module in pkgutil.walk_packages(vitrine.__path__, "vitrine."):
    importlib.import_module(module.name)
from vitrine import cli
from vitrine.eval import registry
from vitrine.retrieval.encoders.registry import FAMILIES, family
from vitrine.indexers.sources.registry import SOURCES, load_source
from vitrine.training.registry import JOBS, load_job
for name in cli.COMMANDS:
    assert cli.LazyGroup().get_command(None, name).callback.__module__.startswith("vitrine."), name
for table, load in (
    (registry.MODES, registry.load_mode), (registry.SCORERS, registry.load_scorer),
    (registry.PROTOCOLS, registry.load_protocol), (FAMILIES, family), (JOBS, load_job), (SOURCES, load_source),
):
    for name in table:
        found = load(name)
        kind = found if isinstance(found, type) else type(found)
        assert kind.__module__.startswith("vitrine."), name
assert not {{name.split(".")[0] for name in sys.modules}} & set({(*ROOMS, "cli")})
"""
    _run(binaries / "python", "-c", code, cwd=project)


def test_the_commands_run_inside_the_project(binaries: Path, project: Path) -> None:
    vitrine, module = (binaries / "vitrine",), (binaries / "python", "-m", "vitrine")
    store = ("--store", "world.vitrine")
    drawing = ("species", "--species", "5", "--n", "6", "--size", "64", "--workers", "2", "--out", "world")
    _run(*vitrine, "sample", *drawing, cwd=project)
    _run(*module, "index", "world/manifest.csv", *store, cwd=project)
    evaluated = json.loads(_run(*vitrine, "eval", "--mode", "prototype", *store, "--json", cwd=project))
    assert evaluated["mode"] == "prototype"
    text = ("--text", "a mushroom with a red cap", "-k", "3", "--sheet", "sheet.png", "--json")
    assert len(json.loads(_run(*vitrine, "search", *text, *store, cwd=project))["hits"]) == 3
    assert (project / "sheet.png").is_file()
    assert "prototype" in _run(*module, "results", *store, cwd=project)
    assert _run(*module, "--version", cwd=project) == _run(*vitrine, "--version", cwd=project)


def test_the_shell_completes_commands_and_options(
    binaries: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_VITRINE_COMPLETE", "bash_complete")
    for words, wanted in (("vitrine ev", "plain,eval"), ("vitrine eval --prot", "plain,--protocol")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        assert _run(binaries / "vitrine", cwd=project).split() == [wanted]
