"""A write is all or nothing; snapshots do not move; versions count what they should."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import StoreError
from retrieval.store import lance as lance_module
from retrieval.types import Bank
from tests.support.sample_stores import key, rows, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_not_committed_is_never_seen_and_rolled_back(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2), label="x")
    with store.writer() as writer:
        writer.append_samples(rows(["c"], meta_new=1))
        writer.append_vectors(space, [key("c")], {"base": unit(1)})
        writer.register_space(spec("other"), 4, ("base",))
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"]).column("id").to_pylist() == ["a", "b"]
        before = snapshot.store_version
    with store.writer() as writer:
        assert writer.snapshot.samples(["id"]).num_rows == 2
        assert "meta_new" not in writer.snapshot.samples().column_names
        writer.append_samples(rows(["c"], position=2))
        writer.append_vectors(space, [key("c")], {"base": unit(1)})
        writer.commit("now")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"]).column("id").to_pylist() == ["a", "b", "c"]
        assert len(snapshot.vectors(space).keys) == 3
        assert [s.name for s in snapshot.spaces] == [space.name]
        assert snapshot.store_version == before + 1


def test_rolling_back_does_not_move_the_store_version(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    with store.snapshot() as snapshot:
        before = snapshot.store_version
    with store.writer() as writer:
        writer.append_samples(rows(["b"]))
    with store.writer() as writer:
        writer.commit("nothing new")
    with store.snapshot() as snapshot:
        assert snapshot.store_version == before
        assert snapshot.samples().num_rows == 1


def test_store_version_counts_samples_and_vectors_only(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    with store.snapshot() as snapshot:
        before = snapshot.store_version
    edges = np.arange(2), np.array(["x", "y"])
    store.save_bank(Bank("b", space.fingerprint, "test", unit(2).vectors, *edges, kind="prototypes"))
    store.save_result({"mode": "reid", "metrics": {}, "created": "now"})
    with store.writer() as writer:
        writer.replace_failures("s", {"bad.jpg": "truncated"})
        writer.append_thumbnails({key("a"): b"webp"})
        writer.commit("pictures")
    with store.snapshot() as snapshot:
        assert snapshot.store_version == before
        assert snapshot.thumbnails([key("a"), key("zz")]) == {key("a"): b"webp"}


def test_compaction_keeps_rows_and_store_version(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a0"], unit(1))
    with store.writer() as writer:
        for at in range(1, 12):
            writer.append_vectors(space, [key(f"a{at}")], {"base": unit(1, seed=at)})
            writer.append_samples(rows([f"a{at}"]))
            writer.commit("one more")
    with store.snapshot() as snapshot:
        version, before = snapshot.store_version, snapshot.vectors(space)
    with store.writer() as writer:
        writer.tidy()
    with store.snapshot() as snapshot:
        after = snapshot.vectors(space)
        assert snapshot.store_version == version
        assert snapshot.samples().num_rows == 12
        order, other = np.argsort(before.keys), np.argsort(after.keys)
        np.testing.assert_array_equal(before.data[order], after.data[other])


def test_files_stay_few_under_many_small_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    referenced: list[int] = []
    for at in range(40):
        with store.writer() as writer:
            writer.append_vectors(space, [key(f"b{at}")], {"base": unit(1, seed=at)})
            writer.append_samples(rows([f"b{at}"]))
            writer.commit("one more")
            writer.tidy()
        with store.snapshot() as snapshot:
            referenced.append(sum(len(files) for files in snapshot.commit.files.values()))
    assert max(referenced[20:]) <= max(referenced[:20])
    monkeypatch.setattr(lance_module, "KEEP_OLD_VERSIONS", timedelta(0))  # an hour later
    with store.writer() as writer:
        writer.tidy()
    with store.snapshot() as snapshot:
        assert snapshot.count("samples") == len(snapshot.vectors(space).keys) == 41
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) < 3 * max(referenced)  # with the locks, the cache and the tables that did not change


def test_files_stay_few_under_many_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations append results without the lock; they merge what earlier ones appended."""
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    monkeypatch.setattr(lance_module, "KEEP_OLD_VERSIONS", timedelta(0))
    for at in range(20):
        store.save_result({"mode": "reid", "metrics": {"rank_1": at}, "created": f"2026-01-01T00:00:{at:02d}Z"})
    assert len(store.results()) == 20
    assert len(list((tmp_path / "s" / "results.lance" / "data").iterdir())) <= 9


def test_a_large_fragment_is_not_rewritten_for_small_ones(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", [f"a{at}" for at in range(2000)], unit(2000))
    data = tmp_path / "s" / f"vectors_{space.fingerprint}.lance" / "data"
    (large,) = data.iterdir()
    for at in range(12):
        with store.writer() as writer:
            writer.append_vectors(space, [key(f"b{at}")], {"base": unit(1, seed=at)})
            writer.commit("one more")
            writer.tidy()
    with store.snapshot() as snapshot:
        files = snapshot.commit.files[f"vectors_{space.fingerprint}"]
    assert f"data/{large.name}" in files
    assert len([path for path in files if path.startswith("data/")]) <= 8


def test_damaged_files_are_not_merged(tmp_path: Path) -> None:
    """Merged, they would get a digest of their own, and verify could not tell any more."""
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    for at in range(7):
        with store.writer() as writer:
            writer.append_vectors(space, [key(f"b{at}")], {"base": unit(1, seed=at)})
            writer.commit("one more")
    damaged = min((tmp_path / "s" / f"vectors_{space.fingerprint}.lance" / "data").iterdir())
    raw = bytearray(damaged.read_bytes())
    raw[20] ^= 1
    damaged.write_bytes(bytes(raw))
    with store.writer() as writer, pytest.raises(StoreError, match="not as it was written"):
        writer.tidy()
