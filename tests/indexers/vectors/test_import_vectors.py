"""Vectors made elsewhere: a space of their own, the same file twice, another file of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexers import api
from indexers.vectors import import_vectors
from indexers.vectors.import_vectors import BankReport, ImportReport
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.open import open_store
from retrieval.store.verify import verify
from tests.support.sample_stores import store_with, unit


def save(path: Path, seed: int = 0, n: int = 12, d: int = 6, **more: Any) -> Path:
    rng = np.random.default_rng(seed)
    path.parent.mkdir(exist_ok=True)
    np.savez(path, image=5 * rng.standard_normal((n, d)), who=np.arange(n) // 2, **more)
    return path


def bring(path: Path, store: Path, **options: Any) -> ImportReport:
    report = api.import_vectors(path, store, wait=0, **{"vectors": "image", "identity": "who", **options})
    assert isinstance(report, ImportReport)
    return report


def test_a_file_makes_a_space_and_twice_changes_nothing(tmp_path: Path) -> None:
    file = save(tmp_path / "features.npz")
    first = bring(file, tmp_path / "s")
    assert (first.rows, first.vectors, first.samples, first.changed) == (12, 12, 12, 0)
    assert first.space.startswith("features@")
    again = bring(file, tmp_path / "s")
    assert (again.vectors, again.samples, again.changed, again.store_version) == (0, 0, 0, first.store_version)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        space = snapshot.space("features")
        assert space.imported
        assert not any(finding.wrong for finding in verify(snapshot))
        rows = snapshot.samples(["uri", "key", "identity"]).to_pylist()
        matrix = snapshot.vectors(space)
        lengths = snapshot.norms(space).to_pylist()
    given = np.load(file)["image"].astype(np.float32)
    at = {key.decode(): row for key, row in zip(matrix.keys, matrix.data, strict=True)}
    length = {row["key"]: row["n_base"] for row in lengths}
    restored = {row["uri"]: at[row["key"]] * length[row["key"]] for row in rows}
    np.testing.assert_allclose(sorted(restored.values(), key=list), sorted(given, key=list), rtol=1e-6)
    assert sorted(row["identity"] for row in rows) == sorted(str(i // 2) for i in range(12))


def test_another_file_of_the_same_name_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    bring(save(tmp_path / "features.npz"), tmp_path / "s")
    other = save(tmp_path / "elsewhere" / "features.npz", seed=1)
    with pytest.raises(InputError, match=r"`space=features@.*`space_name`"):
        bring(other, tmp_path / "s")
    named = bring(other, tmp_path / "s", space_name="second")
    assert named.space.startswith("second@")
    added = bring(save(tmp_path / "more.npz", seed=2), tmp_path / "s", space="features")
    assert added.space.startswith("features@")
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert len(snapshot.vectors(snapshot.space("features")).keys) == 24


def test_two_files_of_one_name_keep_their_samples_apart(tmp_path: Path) -> None:
    one, two = save(tmp_path / "r" / "features.npz"), save(tmp_path / "c" / "features.npz", seed=1, d=4)
    bring(one, tmp_path / "s", space_name="resnet")
    report = bring(two, tmp_path / "s", space_name="clip")
    assert (report.samples, report.changed) == (12, 0)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert snapshot.samples().num_rows == 24
        assert not any(finding.wrong for finding in verify(snapshot))


def test_rows_that_a_changed_file_no_longer_has(tmp_path: Path) -> None:
    file = save(tmp_path / "features.npz")
    bring(file, tmp_path / "s")
    save(file, n=10)
    kept = bring(file, tmp_path / "s", space="features")
    assert (kept.vanished, kept.pruned) == (2, 0)
    dropped = bring(file, tmp_path / "s", space="features", prune=True)
    assert (dropped.vanished, dropped.pruned) == (2, 2)
    with open_store(tmp_path / "s").snapshot() as snapshot:
        assert snapshot.samples().num_rows == 10


def test_a_file_that_cannot_be_read_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="imagee"):
        bring(save(tmp_path / "features.npz"), tmp_path / "s", vectors="imagee")
    assert not (tmp_path / "s").exists()


def test_equal_vectors_are_stored_once_and_all_rows_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "twins.npz", image=np.ones((4, 3)), who=np.arange(4))
    report = bring(tmp_path / "twins.npz", tmp_path / "s")
    assert (report.rows, report.vectors, report.samples) == (4, 1, 4)


def test_spaces_that_cannot_take_the_vectors(tmp_path: Path) -> None:
    file = save(tmp_path / "features.npz")
    bring(file, tmp_path / "s")
    with pytest.raises(InputError, match=r"9 dimensions, space features@.* has 6"):
        bring(save(tmp_path / "wide.npz", d=9), tmp_path / "s", space="features")
    with pytest.raises(UnknownNameError, match="No space 'nowhere'"):
        bring(file, tmp_path / "s", space="nowhere")
    store_with(tmp_path / "own", ["a"], unit(1))
    with pytest.raises(InputError, match="has an encoder of its own"):
        bring(file, tmp_path / "own", space="model")


def test_a_bank_belongs_to_a_space_of_its_dimension(tmp_path: Path) -> None:
    file = save(tmp_path / "features.npz", names=np.array(["x", "y"] * 6))
    bring(file, tmp_path / "s")
    options = {"vectors": "image", "classes": "names", "space": "features", "bank_name": "texts", "kind": "bank"}
    assert api.import_vectors(file, tmp_path / "s", **options) == BankReport("texts", 12, 2)
    (stored,) = open_store(tmp_path / "s").banks()
    assert stored.name == "texts"
    np.testing.assert_allclose(np.linalg.norm(stored.vectors, axis=1), 1, rtol=1e-6)
    wide = save(tmp_path / "wide.npz", d=9, names=np.array(["x", "y"] * 6))
    with pytest.raises(InputError, match=r"9 dimensions, space features@.* has 6"):
        api.import_vectors(wide, tmp_path / "s", **options)
    with pytest.raises(InputError, match=r"Say which array of .* holds the classes of the bank .`classes`."):
        api.import_vectors(file, tmp_path / "s", kind="bank", vectors="image")


def test_positions_are_rows_of_the_file(tmp_path: Path) -> None:
    file = save(tmp_path / "features.npz", name=[f"n{at}" for at in (7, 3, 9, 1, 0, 2, 4, 5, 6, 8, 11, 10)])
    bring(file, tmp_path / "s", filepath="name")
    with open_store(tmp_path / "s").snapshot() as snapshot:
        rows = snapshot.samples(["uri", "position"]).sort_by("position").to_pydict()
    assert rows == {"uri": [f"n{at}" for at in (7, 3, 9, 1, 0, 2, 4, 5, 6, 8, 11, 10)], "position": list(range(12))}


def test_blocks_of_rows_make_the_store_of_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contents(store: Path) -> tuple[Any, Any]:
        with open_store(store).snapshot() as snapshot:
            matrix = snapshot.vectors(snapshot.space("features"))
            return snapshot.samples().to_pylist(), (matrix.keys.tolist(), matrix.data.tolist())

    vectors = np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)
    vectors[[7, 11]] = vectors[1]  # equal vectors in three blocks
    np.savez(tmp_path / "features.npz", image=vectors, who=np.arange(12) // 2)
    whole = bring(tmp_path / "features.npz", tmp_path / "whole")
    monkeypatch.setattr(import_vectors, "_BLOCK", 5)
    assert bring(tmp_path / "features.npz", tmp_path / "blocks") == whole
    assert contents(tmp_path / "blocks") == contents(tmp_path / "whole")
    again = bring(tmp_path / "features.npz", tmp_path / "blocks")
    assert (again.vectors, again.samples, again.changed) == (0, 0, 0)


def test_rows_that_are_stored_under_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_vectors, "_BLOCK", 5)
    file = save(tmp_path / "features.npz", name=[f"n{at}" for at in range(12)])
    bring(file, tmp_path / "s")
    with pytest.raises(InputError, match=r"12 of 12 new rows .* imported before under other names"):
        bring(file, tmp_path / "s", filepath="name")
    with pytest.raises(InputError, match=r"12 of 12 new rows .* as samples of 'import:features'"):
        bring(file, tmp_path / "s", space_name="second")
    arrays = np.load(file)["image"]
    np.savez(tmp_path / "more.npz", image=np.concatenate([arrays[:3], arrays + 1]), who=np.arange(15))
    (note,) = [n for n in bring(tmp_path / "more.npz", tmp_path / "s", space="features").notes if "count as" in n]
    assert note.startswith("3 of 15 new rows")
