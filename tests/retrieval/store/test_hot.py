"""The hot matrix is the table's vectors, whatever happened to table and cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import StoreError
from retrieval.store.hot import _remove_other_generations
from retrieval.store.hot_manifest import LAYOUT
from tests.support.file_digests import flip
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore
    from retrieval.types import SpaceInfo


def _same_as_table(store: LanceStore, space: SpaceInfo) -> np.ndarray:
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(space)
        parts = list(snapshot.vector_parts(space))
    np.testing.assert_array_equal(matrix.keys, np.concatenate([part.keys for part in parts]))
    np.testing.assert_array_equal(matrix.data, np.concatenate([part.data for part in parts]))
    return np.array(matrix.data)


def _append(store: LanceStore, space: SpaceInfo, name: str, seed: int) -> None:
    with store.writer() as writer:
        writer.append_vectors(space, [key(name)], {"base": unit(1, seed=seed)})
        writer.append_samples(rows([name]))
        writer.commit("more")


def test_growing_appends_to_the_same_file(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    _same_as_table(store, space)
    (data,) = (tmp_path / "s" / "cache").rglob("data-*.f32")
    start = data.read_bytes()
    _append(store, space, "c", 1)
    _same_as_table(store, space)
    assert data.read_bytes()[: len(start)] == start
    assert data.stat().st_size == len(start) // 2 * 3


def test_relabelling_does_not_touch_it(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    _same_as_table(store, space)
    manifest = next((tmp_path / "s" / "cache").rglob("manifest.json"))
    before = manifest.stat().st_mtime_ns
    with store.writer() as writer:
        writer.update_samples(rows(["a", "b"], label="new"))
        writer.commit("labels")
    _same_as_table(store, space)
    assert manifest.stat().st_mtime_ns == before


def test_deletion_starts_a_new_generation_and_old_maps_stay_whole(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b", "c"], unit(3))
    with store.snapshot() as snapshot:
        mapped = snapshot.vectors(space)
        copy = np.array(mapped.data)
        with store.writer() as writer:
            writer.delete_samples(["b"])
            writer.commit("gone")
        assert len(_same_as_table(store, space)) == 2
        np.testing.assert_array_equal(mapped.data, copy)
        assert len(snapshot.vectors(space).keys) == 3  # the old snapshot, rebuilt
    assert len(list((tmp_path / "s" / "cache").rglob("data-*.f32"))) == 1


def test_any_damage_to_the_cache_is_mended(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    want = _same_as_table(store, space)
    folder = next((tmp_path / "s" / "cache").iterdir())
    manifest = folder / "manifest.json"
    for damage in ("garbage", "{}", json.dumps({"generation": "x", "dimension": 16, "fragments": [["0", 9]]})):
        manifest.write_text(damage)
        np.testing.assert_array_equal(_same_as_table(store, space), want)
    next(folder.glob("data-*.f32")).write_bytes(b"short")
    np.testing.assert_array_equal(_same_as_table(store, space), want)
    shutil.rmtree(folder.parent)
    np.testing.assert_array_equal(_same_as_table(store, space), want)


def test_an_interrupted_append_is_cut_off(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    _same_as_table(store, space)
    data = next((tmp_path / "s" / "cache").rglob("data-*.f32"))
    with data.open("ab") as handle:
        handle.write(b"half a row of a reader that was killed")
    _append(store, space, "c", 1)
    assert len(_same_as_table(store, space)) == 3


def test_without_a_place_for_a_cache_it_reads_into_memory(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    (tmp_path / "s" / "cache").write_text("a file stands where the folder would be")
    want = unit(2).vectors
    np.testing.assert_array_equal(_same_as_table(store, space), want)


def test_stray_files_of_an_interrupted_cache_go(tmp_path: Path) -> None:
    for name in ("data-a.f32", "keys-a.bin", "data-b.f32", "manifest.json", "manifest-x.young", "lock"):
        (tmp_path / name).write_text("")
    _remove_other_generations(tmp_path, "b")
    assert {path.name for path in tmp_path.iterdir()} == {"data-b.f32", "manifest.json", "lock"}


def test_no_room_for_a_cache_reads_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with store.snapshot() as snapshot:
        assert len(snapshot.vectors(space).keys) == 2
    assert not list(Path(tmp_path / "s" / "cache").rglob("*.f32"))


def test_a_damaged_cache_is_made_again_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    want = _same_as_table(store, space)
    folder = next((tmp_path / "s" / "cache").iterdir())
    for pattern, place in (("data-*", 40), ("keys-*", 3), ("manifest.json", 90)):
        flip(next(folder.glob(pattern)), place)
        np.testing.assert_array_equal(_same_as_table(store, space), want)
        assert "is damaged" in capsys.readouterr().err
        np.testing.assert_array_equal(_same_as_table(store, space), want)
        assert capsys.readouterr().err == ""


def test_a_damaged_cache_that_cannot_be_written_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    want = _same_as_table(store, space)
    flip(next((tmp_path / "s" / "cache").rglob("data-*")), 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 100, 0))
    np.testing.assert_array_equal(_same_as_table(store, space), want)


def test_a_cache_of_another_store_view_or_layout_is_made_again(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    other, _ = store_with(tmp_path / "other", ["a", "b"], unit(2, seed=9))
    want, theirs = _same_as_table(store, space), _same_as_table(other, space)
    assert not np.array_equal(want, theirs)
    (folder,) = (tmp_path / "s" / "cache").iterdir()
    shutil.rmtree(folder)
    shutil.copytree(next((tmp_path / "other" / "cache").iterdir()), folder)
    np.testing.assert_array_equal(_same_as_table(store, space), want)
    manifest = folder / "manifest.json"
    for old, new in (('"view": "base"', '"view": "hflip"'), (f'"layout": {LAYOUT}', f'"layout": {LAYOUT + 1}')):
        manifest.write_text(manifest.read_text().replace(old, new))
        np.testing.assert_array_equal(_same_as_table(store, space), want)


def test_vectors_of_a_damaged_table_never_reach_the_cache(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    (data,) = (tmp_path / "s" / f"vectors_{space.fingerprint}.lance" / "data").iterdir()
    flip(data, 70)
    with store.snapshot() as snapshot, pytest.raises(StoreError, match="is not as it was written; restore it"):
        snapshot.vectors(space)
    assert not list((tmp_path / "s" / "cache").rglob("manifest.json"))


def test_damaged_lengths_are_refused_though_the_cache_has_the_vectors(tmp_path: Path) -> None:
    vectors = unit(3)
    store, space = store_with(tmp_path / "s", ["a", "b", "c"], vectors)
    _append(store, space, "d", 1)
    _same_as_table(store, space)
    with store.snapshot() as snapshot:
        np.testing.assert_array_equal(snapshot.norms(space).column("n_base").to_numpy()[:3], vectors.norms)
    for data in (tmp_path / "s" / f"vectors_{space.fingerprint}.lance" / "data").iterdir():
        if (place := data.read_bytes().find(vectors.norms.tobytes())) >= 0:
            flip(data, place + 2)
            break
    with store.snapshot() as snapshot, pytest.raises(StoreError, match="lengths of vectors are not as they were"):
        snapshot.norms(space)
