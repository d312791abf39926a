"""Folders that are not ours are left alone; what a kill left half made is finished; a lost record is not made up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import lancedb
import pyarrow as pa
import pytest

from retrieval.errors import MissingFileError, ReadOnlyStoreError, StoreError
from retrieval.store import commits
from retrieval.store import open as opening
from retrieval.store.open import create_store, is_store, open_store
from retrieval.store.record_digests import RECORD_DIGESTS
from retrieval.store.schema import APPENDED, COMMITTED, vectors_table
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from retrieval.store.commits import Commit
    from retrieval.store.lance import LanceTables


def test_a_database_of_somebody_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    other = lancedb.connect(tmp_path / "db")
    other.create_table("products", pa.table({"x": [1, 2]}))
    with pytest.raises(StoreError, match=r"holds other things \(products.lance\)"):
        create_store(tmp_path / "db")
    assert other.open_table("products").count_rows() == 2


def test_a_table_put_beside_ours_later_is_never_rolled_back_or_dropped(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    table = lancedb.connect(tmp_path / "s").create_table("notes", pa.table({"x": [1]}))
    (tmp_path / "s" / ".DS_Store").write_text("")
    for name in ("b", "c"):
        with create_store(tmp_path / "s").writer() as writer:
            writer.append_samples(rows([name]))
            writer.commit("more")
            writer.tidy()
        table.add(pa.table({"x": [2]}))
    assert table.count_rows() == 3
    with store.snapshot() as snapshot:
        assert "notes" not in snapshot.commit.tables


def test_lancedb_opens_every_table_with_the_rows_that_we_read(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    store.save_result({"mode": "knn", "created": "2026-01-01T00:00:00Z"})  # appended without LanceDB
    database = lancedb.connect(tmp_path / "s")
    names = set(database.list_tables().tables)
    assert names == {"commits", *COMMITTED, *APPENDED, vectors_table(space.fingerprint)}
    with store.snapshot() as snapshot:
        for name in names:
            assert database.open_table(name).to_arrow().equals(snapshot.tables.read(name))
    assert database.open_table("results").count_rows() == 1


@pytest.mark.parametrize("folder", ["a b", "a%20b", "ö", "x#y", "q?z", "a:b", "file:c"])
def test_a_folder_may_have_any_name(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store_with(Path(folder), ["a"], unit(1))
    with open_store(folder).snapshot() as snapshot:
        assert snapshot.samples().num_rows == 1


@pytest.mark.parametrize("left", [["samples"], ["samples", "spaces", "commits"], ["commits"]])
def test_a_store_that_a_kill_left_half_made_is_finished(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / "s" / f"{name}.lance" / "data").mkdir(parents=True)  # made, but no version written yet
    assert not is_store(tmp_path / "s")
    with pytest.raises(StoreError, match="not a Vitrine store"):
        open_store(tmp_path / "s")
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    with store.snapshot() as snapshot:
        assert snapshot.samples().num_rows == 1


def test_a_vectors_table_that_a_kill_left_half_made_is_removed(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    half = tmp_path / "s" / f"vectors_{'0' * 32}.lance" / "data"
    half.mkdir(parents=True)
    with store.writer() as writer:
        writer.append_samples(rows(["b"]))
        writer.commit("more")
    assert not half.exists()


def test_a_lost_commit_record_is_said_and_nothing_is_deleted(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    kept = tmp_path / "commits.lance"
    shutil.move(tmp_path / "s" / "commits.lance", kept)
    for _ in range(2):
        with pytest.raises(StoreError, match="commit record is lost"), create_store(tmp_path / "s").writer():
            pass
    shutil.move(kept, tmp_path / "s" / "commits.lance")
    with store.snapshot() as snapshot:
        assert snapshot.vectors(space).keys.tolist() == [key("a").encode()]


@pytest.mark.parametrize("other", [1, 3, 0, -1])
def test_a_store_of_another_format_is_refused_with_the_way_out(tmp_path: Path, other: int) -> None:
    store_with(tmp_path / "s", ["a"], unit(1))
    table = lancedb.connect(tmp_path / "s").open_table("commits")
    row = table.to_arrow().to_pylist()[0] | {"format": other}
    if other == 1:  # as format 1 had it
        row = {name: row[name] for name in ("format", "commit", "store_version", "tables", "note", "created")}
        lancedb.connect(tmp_path / "s").drop_table("commits")
        (tmp_path / "s" / RECORD_DIGESTS).unlink()
        lancedb.connect(tmp_path / "s").create_table("commits", pa.Table.from_pylist([row]))
    else:
        table.add(pa.Table.from_pylist([row], schema=table.schema), mode="overwrite")
    says = f"a store of format {other}, and this Vitrine reads format 2 only; index again into a new folder"
    with pytest.raises(StoreError, match=says), open_store(tmp_path / "s").snapshot():
        pass
    with pytest.raises(StoreError, match=says), create_store(tmp_path / "s").writer():
        pass


def test_a_damaged_commit_record_is_said(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    table = lancedb.connect(tmp_path / "s").open_table("commits")
    row = table.to_arrow().to_pylist()[0]
    table.add(pa.Table.from_pylist([row | {"store_version": 7}], schema=table.schema), mode="overwrite")
    with pytest.raises(StoreError, match="commit record is damaged"), store.snapshot():
        pass


def test_a_commit_between_reading_the_record_and_tagging_it_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    real, reads = commits.read_commit, 0

    def read(tables: LanceTables) -> Commit:
        nonlocal reads
        commit = real(tables)
        reads += 1
        if reads == 1:
            with store.writer() as writer:
                writer.append_samples(rows(["b"]))
                writer.commit("in between")
        return commit

    monkeypatch.setattr(opening, "read_commit", read)
    with store.snapshot() as snapshot:
        assert snapshot.samples().num_rows == 2
        (tag,) = (tmp_path / "s" / "readers").glob("*.json")
        assert f'"samples": {snapshot.commit.tables["samples"]}' in tag.read_text()


def test_places_that_are_no_store(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no store here"):
        open_store(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a Vitrine store"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match=r"holds other things \(notes.txt\)"):
        create_store(tmp_path)
    with pytest.raises(ReadOnlyStoreError, match="works in local folders alone"):
        create_store("s3://bucket/store")
