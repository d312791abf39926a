"""Banks of every kind come back from an export as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

from retrieval.errors import InputError, UnknownNameError
from retrieval.export.banks import find_bank
from retrieval.store.open import open_store
from retrieval.types import Bank
from tests.support.command_line import call_cli
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = np.random.default_rng(2).standard_normal((3, 16)).astype(np.float32)
EDGES = np.array([0, 1, 1, 2])
CLASSES = np.array(["oak", "oak", "elm", "birch"])


def banks(space: str) -> list[Bank]:
    texts = ("a tree", "a leaf", "bark")
    bias = np.array([0.5, -1, 2], np.float32)
    means, one_each = unit(3, seed=3).vectors, (np.arange(3), CLASSES[1:])
    return [
        Bank("words", space, "test", unit(3).vectors, EDGES, CLASSES, texts, temperature=0.07, kind="prompts"),
        Bank("layer", space, "test", WEIGHTS, *one_each, bias=bias, kind="classifier"),
        Bank("means", space, "test", means, *one_each, kind="prototypes"),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("banks") / "s"
    opened, space = store_with(path, ["a", "b"], unit(2))
    for bank in banks(space.fingerprint):
        opened.save_bank(bank)
    return path


@pytest.mark.parametrize("name", ["words", "layer", "means"])
def test_a_bank_comes_back_as_it_was(store: Path, tmp_path: Path, name: str) -> None:
    call_cli("export-vectors", "--store", store, "--bank", name, "--out", tmp_path / "b.npz")
    call_cli("import-vectors", tmp_path / "b.npz", "--as", "bank", "--bank-name", f"{name} again", "--store", store)
    stored = {bank.name: bank for bank in open_store(store).banks()}
    assert stored[f"{name} again"].sha256 == stored[name].sha256
    assert stored[f"{name} again"].kind == stored[name].kind
    refused = call_cli("import-vectors", tmp_path / "b.npz", "--store", tmp_path / "s", check=1)
    assert "is a bank that was exported; say --as bank." in refused.stderr
    assert find_bank(open_store(store), stored[name].sha256[:10], None).sha256 == stored[name].sha256


def test_numpy_and_pandas_read_it(store: Path, tmp_path: Path) -> None:
    call_cli("export-vectors", "--store", store, "--bank", "words", "--out", tmp_path / "b.npz")
    z = np.load(tmp_path / "b.npz", allow_pickle=False)
    assert np.array_equal(z["vectors"], unit(3).vectors[EDGES])
    assert z["classes"].tolist() == CLASSES.tolist()
    assert z["texts"].tolist() == ["a tree", "a leaf", "a leaf", "bark"]
    call_cli("export-vectors", "--store", store, "--bank", "layer", "--out", tmp_path / "b.parquet")
    table = parquet.read_table(tmp_path / "b.parquet")
    assert table.column_names == ["class", "bias", "vector"]
    assert np.array_equal(np.array(table.column("vector").to_pylist(), np.float32), WEIGHTS)


def test_names_of_banks(store: Path, tmp_path: Path) -> None:
    opened, space = store_with(tmp_path / "s", ["a"], unit(1))
    for bank in banks(space.fingerprint):
        opened.save_bank(replace(bank, name=f"tree-{bank.name}"))
    with pytest.raises(UnknownNameError, match=r"'words'. Did you mean 'tree-words'"):
        find_bank(opened, "words", None)
    with pytest.raises(InputError, match=r"'tree' may be one of several banks: tree-layer \([0-9a-f]{8}\)"):
        find_bank(opened, "tree", space)
    (tmp_path / "x.npz").touch()
    line = call_cli("import-vectors", tmp_path / "x.npz", "--as", "bank", "--store", tmp_path / "s", check=1).stderr
    assert "x.npz" in line
    np.savez(tmp_path / "y.npz", a=np.eye(3), b=np.arange(3))
    line = call_cli("import-vectors", tmp_path / "y.npz", "--as", "bank", "--store", tmp_path / "s", check=1).stderr
    assert "Say which array of" in line
    assert "holds the vectors of the bank (--vectors); it has: a, b." in line
