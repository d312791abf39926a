"""The commands splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.support.sample_stores import store_with, unit

NAMES = [f"{at:02d}" for at in range(24)]


IDENTITY = [f"p{at % 6}" for at in range(24)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "s.vitrine"
    store_with(folder, NAMES, unit(24), identity=IDENTITY, camera=[f"c{at % 5}" for at in range(24)])
    return folder


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_split_sets_are_listed_exported_and_read_back(store: Path, tmp_path: Path) -> None:
    drawn = json.loads(run("eval", "--mode", "reid", "--store", store, "--seed", "7", "--json").stdout)
    name = drawn["provenance"]["split_set"]
    listed = json.loads(run("splits", "list", "--store", store, "--json").stdout)
    assert listed[name] == drawn["provenance"]["split_sha256"]
    assert name in run("splits", "list", "--store", store).stdout
    file = tmp_path / "mine.csv"
    assert run("splits", "export", name, "--store", store, "--out", file).exit_code == 0
    refused = run("splits", "export", name, "--store", store, "--out", file)
    assert "exists; replace it with" in str(refused.exception)
    told = json.loads(run("splits", "export", name, "--store", store, "--out", file, "--force", "--json").stdout)
    assert told["sha256"] == drawn["provenance"]["split_sha256"]
    again = run("eval", "--mode", "reid", "--store", store, "--seed", "7", "--split-set", file, "--json")
    read = json.loads(again.stdout)
    assert read["provenance"]["split_sha256"] == drawn["provenance"]["split_sha256"]
    assert (read["metrics"], read["draws"], read["cmc"]) == (drawn["metrics"], drawn["draws"], drawn["cmc"])


def test_draws_go_to_another_store_by_their_paths(store: Path, tmp_path: Path) -> None:
    drawn = json.loads(run("eval", "--mode", "reid", "--store", store, "--seed", "7", "--json").stdout)
    name = drawn["provenance"]["split_set"]
    assert run("export-vectors", "--store", store, "--out", tmp_path / "v.npz").exit_code == 0
    assert run("import-vectors", tmp_path / "v.npz", "--store", tmp_path / "other").exit_code == 0
    assert run("splits", "export", name, "--store", store, "--out", tmp_path / "d.csv", "--by", "uri").exit_code == 0
    again = run("eval", "--mode", "reid", "--store", tmp_path / "other", "--split-set", tmp_path / "d.csv", "--json")
    assert json.loads(again.stdout)["draws"] == drawn["draws"]
