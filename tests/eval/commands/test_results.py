"""The command ``results``: newest first, found by the beginning of an id, exported as result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eval.commands.results import results_command
from eval.results.files import read_result
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.open import open_store
from retrieval.types.store import result_sha256
from tests.support.drawn_results import fusion, reid
from tests.support.sample_stores import store_with, unit


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "s.vitrine"
    opened, _ = store_with(folder, ["a", "b"], unit(2))
    for made, created in ((reid(), "2026-01-02T10:00:00+00:00"), (fusion(), "2026-01-03T10:00:00+00:00")):
        opened.save_result(made.model_copy(update={"created": created}).to_dict())
    return folder


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(results_command, [str(arg) for arg in args])


def test_the_list_says_what_and_over_what(store: Path) -> None:
    lines = run("--store", store).stdout.splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["fusion", "reid"]
    sha = result_sha256(fusion().to_dict())
    for word in (
        sha[:8],
        "clip@1 + resnet@2",
        "169 · ",
        "top-1",
        "2026-01-03 10:00",
    ):
        assert word in lines[2]


def test_json_and_mode(store: Path) -> None:
    found = json.loads(run("--store", store, "--json").stdout)
    assert [each["mode"] for each in found] == ["fusion", "reid"]
    assert found[0]["headline"]["value"] == fusion().metrics["top_1"].value
    assert found[0]["sha256"].startswith(found[0]["id"])
    assert [(each["task"], each["departs_from"]) for each in found] == [("classification", None), ("ranking", None)]
    only = json.loads(run("--store", store, "--json", "--mode", "reid").stdout)
    assert [each["id"] for each in only] == [found[1]["id"]]
    none = run("--store", store, "--mode", "knn")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "No results of mode knn" in none.stderr
    assert run("--store", store, "--mode", "ried").exit_code == 2


def test_one_result_is_shown_as_its_file(store: Path, tmp_path: Path) -> None:
    short = result_sha256(reid().to_dict())[:8]
    for args in (("show", short[:5], "--store", store), ("--store", store, "show", short.upper())):
        shown = run(*args)
        assert shown.exit_code == 0, shown.output
        (tmp_path / "r.json").write_text(shown.stdout)
        assert read_result(tmp_path / "r.json").metrics == reid().metrics
    refused = run("--csv", "--store", store, "show", short)
    assert (refused.exit_code, "--csv does not go with 'results show'" in refused.stderr) == (2, True)
    for wrong in ("zz", ""):
        assert isinstance(run("show", wrong, "--store", store).exception, UnknownNameError)


def test_results_are_exported(store: Path, tmp_path: Path) -> None:
    done = run("--store", store, "--out", tmp_path / "files")
    assert "2 result files" in done.stderr
    files = sorted((tmp_path / "files").iterdir())
    assert [path.name.partition("-")[0] for path in files] == ["fusion", "reid"]
    assert read_result(files[0]).to_dict()["metrics"] == fusion().to_dict()["metrics"]


def test_what_cannot_be_read_costs_a_sentence(tmp_path: Path) -> None:
    store_with(tmp_path / "s", ["a", "b"], unit(2))
    empty = run("--store", tmp_path / "s")
    assert "No results in the store yet" in empty.stderr
    open_store(tmp_path / "s").save_result({"mode": "newer", "schema_version": 99, "created": "now"})
    done = run("--store", tmp_path / "s", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert "schema version 99" in done.stderr


def test_an_ambiguous_beginning_names_the_candidates(store: Path) -> None:
    from eval.results.listing import ResultEntry, find_result

    kept = [ResultEntry(name, name, reid()) for name in ("abc1", "abd2")]
    with pytest.raises(InputError, match="2 results begin with 'ab': abc1, abd2"):
        find_result(kept, "ab")


@pytest.mark.parametrize(
    ("flag", "begins"), [("--csv", "id,sha256,"), ("--latex", "% needs"), ("--markdown", "| mode |")]
)
def test_a_table_for_a_paper_is_printed_or_written_to_a_new_file(
    store: Path, tmp_path: Path, flag: str, begins: str
) -> None:
    printed = run("--store", store, flag)
    assert printed.stdout.startswith(begins)
    written = run("--store", store, flag, "--out", tmp_path / "new" / "table")
    assert written.stdout == ""
    assert (tmp_path / "new" / "table").read_text() == printed.stdout
    again = run("--store", store, flag, "--out", tmp_path / "new" / "table")
    assert "exists; choose another name" in str(again.exception)
    assert (tmp_path / "new" / "table").read_text() == printed.stdout


def test_tables_are_of_the_results_that_are_named(store: Path, tmp_path: Path) -> None:
    shorts = [result_sha256(made.to_dict())[:6] for made in (reid(), fusion())]
    shown = json.loads(run("--store", store, "--json", "--id", shorts[0], "--id", shorts[1]).stdout)
    assert [entry["mode"] for entry in shown] == ["reid", "fusion"]
    assert isinstance(run("--store", store, "--csv", "--id", "zz").exception, UnknownNameError)
    assert isinstance(run("--store", store, "--csv", "--mode", "knn").exception, InputError)
    assert "Say one of" in run("--store", store, "--csv", "--latex").stderr
    (tmp_path / "file").write_text("")
    assert run("--store", store, "--out", tmp_path / "file").exit_code == 2
