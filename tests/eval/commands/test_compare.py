"""The command compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import cli
from eval.api import evaluate
from eval.results.files import read_result, write_result
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.open import open_store
from tests.support.command_line import call_cli
from tests.support.sample_stores import key, spec, store_with, unit

NAMES = [f"{at:02d}" for at in range(36)]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on disk with two spaces and their result files."""
    folder = tmp_path_factory.mktemp("compare")
    store, _ = store_with(folder / "s", NAMES, unit(36), identity=[f"p{at % 9}" for at in range(36)])
    with store.writer() as writer:
        space = writer.register_space(spec("other"), 16, ("base",))
        writer.append_vectors(space, [key(name) for name in NAMES], {"base": unit(36, seed=1)})
        writer.commit("test")
    opened = open_store(folder / "s")
    with opened.snapshot() as snapshot:
        spaces = [space.name for space in snapshot.spaces]
    for letter, name in zip("ab", spaces, strict=True):
        write_result(evaluate(opened, "reid", space=name, where="identity <> 'p8'"), folder / f"{letter}.json")
    return folder


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, args)])


def test_the_command_prints_a_table_and_json_twice_the_same(disk: Path) -> None:
    files = (disk / "a.json", disk / "b.json", "--store", disk / "s")
    done = run(*files)
    assert done.exit_code == 0, done.output
    for word in ("B - A", "Rank-1", "mAP", "McNemar", "monte-carlo", "of 8", "draws up/equal/down"):
        assert word in done.stdout
    first, second = run(*files, "--json"), run(*files, "--json")
    assert first.stdout == second.stdout
    read = [read_result(disk / name) for name in ("a.json", "b.json")]
    found = json.loads(first.stdout)
    names = [result.provenance.space for result in read]
    assert [found["a"], found["b"]] == names
    spaces = run("--spaces", *names, "--where", "identity <> 'p8'", "--store", disk / "s", "--json")
    assert json.loads(spaces.stdout) == found
    for name, metric in found["metrics"].items():
        assert [metric["a"], metric["b"]] == pytest.approx([result.metrics[name].value for result in read])
        assert metric["difference"] == pytest.approx(metric["b"] - metric["a"])
        assert 0 < metric["p_value"] <= 1
        assert sum(metric["draws"].values()) == 10


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "Give two result files, or --spaces A B (and --store, where the store is not ./store)."),
        (("a.json",), "Give two result files"),
        (("a.json", "b.json", "--spaces", "x", "y"), "Give two result files"),
        (("a.json", "b.json", "--aspect", "all"), "--aspect does not go with result files"),
        (("a.json", "b.json", "-o", "draws=2"), "-o does not go with result files"),
        (("a.json", "b.json", "--where", "true"), "--where does not go with result files"),
        (("--spaces", "x", "y", "--seed", "-1"), "-1"),
        (("--spaces", "x", "y", "--mode", "ried"), "no mode 'ried'. Did you mean 'reid'?"),
        (("--spaces", "x", "y", "--protocol", "fixd"), "no protocol 'fixd'. Did you mean 'fixed'?"),
    ],
)
def test_wrong_usage(disk: Path, args: tuple[str, ...], message: str) -> None:
    done = run(*(disk / arg if arg.endswith(".json") else arg for arg in args), "--store", disk / "s")
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"mode": "ried"}, "its request of mode reid"),
        ({"request": {"protocol": "fixd"}}, "No protocol 'fixd'"),
        ({"schema_version": 9}, "schema version 9"),
        ({"request": {"aspect": 3}}, "aspect"),
        ({"request": {"where": ["x"]}}, "where"),
        ({"request": {"where": "colour = 1"}}, "not a condition"),
        ({"request": {"options": {"k1": 3}}}, "k1=3 cannot be used"),
        ({"request": {"options": {"views": ["hflip"]}}}, "no view 'hflip'"),
        ({"request": {"seed": -1}}, "seed"),
        ({"provenance": {"split_sha256": "0"}}, "no longer gives the draws"),
        ({"provenance": {"space_fingerprint": "0" * 32}}, "which is not in this store"),
        ({"metrics": {"rank_1": {"value": "much"}}}, "cannot be used"),
    ],
)
def test_edited_files_cost_one_sentence(disk: Path, tmp_path: Path, edit: dict[str, Any], message: str) -> None:
    values = json.loads((disk / "a.json").read_text())
    merged = {k: {**values[k], **v} if isinstance(v, dict) else v for k, v in edit.items()}
    file = tmp_path / "edited.json"
    file.write_text(json.dumps({**values, **merged}))
    done = run(file, file, "--store", disk / "s")
    assert done.exception is not None
    assert isinstance(done.exception, (InputError, UnknownNameError, RuntimeError)), repr(done.exception)
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_results_without_their_store_say_how_it_is_named(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call_cli("compare", disk / "a.json", disk / "b.json", check=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ./store: no store here; results are compared sample by sample, from the store that")
    assert line.endswith("name it by --store.")


def test_errors_are_one_line(disk: Path, tmp_path: Path) -> None:
    done = call_cli("compare", disk / "a.json", tmp_path / "no.json", "--store", disk / "s", check=1)
    assert done.stderr.splitlines() == [f"Error: There is no result file {tmp_path / 'no.json'}."]
    done = call_cli("compare", disk / "a.json", "--store", disk / "s", check=2)
    assert "Give two result files" in done.stderr
