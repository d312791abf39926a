"""The command line: instant help, one readable line per error, exit statuses, what may be imported where."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import cli
from tests.support.command_line import ROOT, SMALL_ENCODER, call_cli, call_json, run_cli
from tests.support.images import write_images
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {"torch", "torchvision", "open_clip", "timm", "lancedb", "lance", "faiss", "numpy", "pyarrow", "pydantic"}
RANDOM = ("--random-init", "0")


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["index", "--help"], ["eval", "--help"], ["search", "-h"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = f"import sys; sys.argv = ['cli.py', *{args!r}]; import cli\ntry: cli.main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & HEAVY


def test_a_compiled_module_that_a_full_disk_cut_off_is_said(tmp_path: Path) -> None:
    env = {"PYTHONPYCACHEPREFIX": str(tmp_path)}
    run_cli("info", "--help", env=env)
    (compiled,) = tmp_path.rglob("commands/info.*.pyc")
    compiled.write_bytes(compiled.read_bytes()[:700])
    assert "delete the folders __pycache__" in run_cli("info", "--help", env=env, check=1).stderr


READS = """
import sys
import cli
for args in {commands!r}:
    sys.argv = ["cli.py", *args, "--store", {store!r}]
    try:
        cli.main()
    except SystemExit as stop:
        assert not stop.code, args
print(*sys.modules)
"""


def test_evaluating_and_reading_import_neither_torch_nor_lancedb_nor_scipy(tmp_path: Path) -> None:
    columns = {"label": ["a", "b"] * 6, "identity": ["p", "q", "r"] * 4, "split": ["train"] * 6 + ["test"] * 6}
    store_with(tmp_path / "s", [f"{number}.jpg" for number in range(12)], unit(12), **columns)
    commands = (
        ["info"], ["search", "--id", "3.jpg"], ["eval", "--mode", "prototype"], ["eval", "--mode", "knn", "-o", "k=1"],
        ["eval", "--mode", "reid", "--protocol", "leave-one-out"], ["results"], ["verify"],
    )  # fmt: skip
    code = READS.format(commands=commands, store=str(tmp_path / "s"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "lance" in loaded
    assert not loaded & {"torch", "torchvision", "lancedb", "scipy", "sklearn", "matplotlib", "open_clip", "timm"}


def test_every_command_of_the_table_loads_and_has_the_help_it_promises() -> None:
    group = cli.LazyGroup()
    for name, (_, text) in cli.COMMANDS.items():
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.name == name
        assert text.endswith(".")


@pytest.mark.parametrize("module", ["cli", "vitrine"])
def test_the_two_modules_outside_packages_import_nothing_of_ours_at_the_top(module: str) -> None:
    tree = ast.parse((ROOT / f"{module}.py").read_text())
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert not names & {"retrieval", "indexers", "eval", "data", *HEAVY}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three images and a store of two samples."""
    folder = tmp_path_factory.mktemp("place")
    store_with(folder / "store", ["a", "b"], unit(2))
    write_images(folder / "images", 3)
    return folder


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["serch"], 2, "No command 'serch'. Did you mean 'search'?"),
        (["index"], 2, "Missing argument 'PATH'"),
        (["search", "--id", "x", "--store", "nowhere"], 1, "nowhere: no store here"),
        (["info", "--store", "nowhere"], 1, "nowhere: no store here"),
        (["search", "--store", "{store}"], 2, "Search for one thing"),
        (["search", "--id", "a", "--store", "{store}", "--space", "modl"], 2, "No space 'modl'"),
        (["search", "--id", "b", "--store", "{store}", "--view", "bse"], 2, "No view"),
        (["search", "--id", "zz", "--store", "{store}"], 2, "No sample with id or path 'zz'"),
        (["search", "--label", "zz", "--store", "{store}"], 2, "No label 'zz'"),
        (["search", "--identity", "zz", "--store", "{store}"], 2, "No identity 'zz'"),
        (["search", "--id", "a", "--store", "{store}", "--where", "labl = 'x'"], 2, "there is no column labl"),
        (["search", "--id", "a", "--store", "{store}", "--where", "label = 'x' nor"], 1, "is not a condition"),
        (["audit", "--store", "{store}", "--protocol", "splitt"], 2, "Did you mean 'split'"),
        (["eval", "--mode", "redi", "--store", "{store}"], 2, "Did you mean 'reid'"),
        (["eval", "--mode", "reid", "--store", "{store}", "-o", "rank=1"], 2, "Did you mean 'ranks'"),
        (["eval", "--mode", "reid", "--store", "{store}", "-o", "ties=stabel"], 2, "ties='stabel' cannot be used"),
        (["eval", "--mode", "reid", "--store", "{store}", "-o", "ranks=0"], 1, "ranks"),
        (["eval", "--mode", "reid", "--store", "{store}", "--split-set", "mine"], 2, "No split set 'mine'"),
        (["results", "show", "ffff", "--store", "{store}"], 2, "No result 'ffff'"),
        (["splits", "export", "mine", "--store", "{store}", "--out", "{new}"], 2, "No split set 'mine'"),
        (["search", "--id", "a", "--store", "{store}", "-k", "0"], 2, "-k"),
        (["search", "missing.jpg", "--store", "{store}"], 1, "missing.jpg"),
        (["index", "missing", "--store", "{new}", "--encoder", "timm/resnet18"], 1, "missing"),
        (["index", "{images}", "--store", "{new}", "--encoder", "tim/resnet18", *RANDOM], 2, "mean 'timm'"),
        (["index", "{images}", "--store", "{new}", "--encoder", "torchvision/resnet1", *RANDOM], 2, "resnet1"),
        (["index", "{images}", "--store", "{new}", "--encoder", "timm/resnet18"], 1, "--random-init"),
        (["index", "{images}", "--store", "{new}", "--source", "foldr"], 2, "Did you mean 'folder'"),
        (["index", "{images}", "--store", "{new}", *SMALL_ENCODER, "--preprocess", "resiz=3"], 2, "resize"),
        (["index", "{images}", "--store", "s3://bucket/x", *SMALL_ENCODER], 1, "works in local folders alone"),
        (["import-vectors", "missing.npz", "--store", "{new}"], 1, "missing.npz"),
        (["import-vectors", "{images}/class0/00000.jpg", "--store", "{new}"], 1, ".npy, .mat, .pt or .parquet"),
    ],
)
def test_wrong_input_is_one_line(place: Path, args: list[str], status: int, says: str) -> None:
    places = {name: str(place / name) for name in ("store", "new", "images")}
    done = call_cli(*(arg.format(**places) for arg in args), check=status)
    assert says in done.stderr
    assert done.stdout == ""
    if not done.stderr.startswith("Usage"):
        assert len([line for line in done.stderr.strip().splitlines() if not line.startswith("Loading ")]) == 1
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (("info", "--store", "nowhere"), 1, "Error: nowhere: no store here"),
        (("search", "--id", "a", "-k", "0"), 2, "Usage: vitrine search"),
    ],
)
def test_a_process_ends_with_the_status_and_one_message(args: tuple[str, ...], status: int, says: str) -> None:
    done = run_cli(*args, check=status)
    assert done.stderr.startswith(says)
    assert done.stdout == ""


def test_unreadable_files_exit_3_and_the_rest_is_indexed(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 6)
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    done = run_cli("index", tmp_path / "images", "--store", tmp_path / "s", *SMALL_ENCODER, check=3)
    assert "5 embedded" in done.stdout
    assert "unreadable: class0/00000.jpg: the image is truncated" in done.stderr
    assert call_json("info", "--store", tmp_path / "s")["counts"]["failures"] == 1


def test_info_and_verify(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 6)
    report = call_json("index", tmp_path / "images", "--store", tmp_path / "s", *SMALL_ENCODER)
    assert (report["embedded"], report["samples"], report["failures"]) == (6, 6, {})
    found = call_json("info", "--store", tmp_path / "s")
    assert found["counts"]["samples"] == 6
    assert found["per_class"] == {"class0": 2, "class1": 2, "class2": 2}
    assert found["spaces"][0]["name"] == report["space"]
    assert found["store_version"] == report["store_version"]
    assert found["bytes"]["total"] > 0
    assert "6 samples" in call_cli("info", "--store", tmp_path / "s").stdout
    assert all(not finding["wrong"] for finding in call_json("verify", "--store", tmp_path / "s"))


def test_verify_exits_1_on_a_vector_that_is_not_of_length_one(tmp_path: Path) -> None:
    vectors = unit(3)
    vectors.vectors[1] *= 2
    store_with(tmp_path / "s", ["a", "b", "c"], vectors)
    done = call_cli("verify", "--store", tmp_path / "s", check=1)
    assert "1 not of length one" in done.stdout


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    store_with(tmp_path / "s", ["a", "b"], unit(2))
    command = f"{sys.executable} cli.py info --json --store {tmp_path / 's'} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == ""


def test_a_strangers_package_in_front_of_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "__init__.py").write_text("")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for words, lines in ((("-c", "import vitrine"), None), (("-m", "vitrine", "--help"), 1)):
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, env=env, check=False
        )
        assert done.returncode == 1
        assert f"Vitrine's 'eval' lies in {ROOT}, but Python finds another one at {tmp_path}" in done.stderr
        assert lines is None or len(done.stderr.splitlines()) == lines


def test_python_m_vitrine_is_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vitrine", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == run_cli("--help").stdout
    assert done.stdout.startswith("Usage: vitrine [OPTIONS] COMMAND")
