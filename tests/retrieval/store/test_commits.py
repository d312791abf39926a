"""A write is all or nothing; snapshots do not move; versions count what they should."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError, MissingFileError, ReadOnlyStoreError, StoreError
from retrieval.store import writer as writer_module
from retrieval.store.open import create_store, open_store
from retrieval.store.schema import vectors_table
from retrieval.types import Bank, Embeddings
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
        writer.append_samples(rows(["c"]))
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


def test_a_snapshot_stays_where_it_is(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1), label="old")
    with store.snapshot() as old:
        first = old.vectors(space)
        with store.writer() as writer:
            writer.update_samples(rows(["a"], label="new"))
            writer.append_samples(rows(["b"], label="new"))
            writer.append_vectors(space, [key("b")], {"base": unit(1, seed=1)})
            writer.commit("more")
        with store.snapshot() as new:
            assert new.samples(["label"]).column("label").to_pylist() == ["new", "new"]
            assert len(new.vectors(space).keys) == 2
        assert old.samples(["label"]).column("label").to_pylist() == ["old"]
        np.testing.assert_array_equal(old.vectors(space).data, first.data)


def test_store_version_counts_samples_and_vectors_only(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    with store.snapshot() as snapshot:
        before = snapshot.store_version
    store.save_bank(Bank("b", space.fingerprint, "test", unit(2).vectors, np.arange(2), np.array(["x", "y"])))
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


def test_clean_up_leaves_versions_that_a_reader_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "KEEP_OLD_VERSIONS", timedelta(0))
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    held = store.snapshot()
    old = held.__enter__()
    for at in range(3):
        with store.writer() as writer:
            writer.append_samples(rows([f"b{at}"]))
            writer.commit("more")
            writer.tidy()
    assert old.samples(["id"]).column("id").to_pylist() == ["a"]
    assert len(old.vectors(space).keys) == 1
    held.__exit__(None, None, None)
    with store.writer() as writer:
        writer.append_samples(rows(["c"]))
        writer.commit("more")
        writer.tidy()
    with pytest.raises(StoreError, match="lost version"):
        old.samples(["id"])
    assert not list((tmp_path / "s" / "readers").iterdir())


def test_meta_columns_grow_widen_and_refuse(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1), meta_age=27)
    with store.writer() as writer:
        writer.append_samples(rows(["b"], meta_age=30.5, meta_city="Ulm"))
        writer.append_samples(rows(["c"], meta_age=31))
        writer.commit("wider")
        with pytest.raises(InputError, match="age holds string here but double"):
            writer.append_samples(rows(["d"], meta_age="old"))
    with store.snapshot() as snapshot:
        assert snapshot.samples(["meta_age"]).column("meta_age").to_pylist() == [27.0, 30.5, 31.0]
        assert snapshot.samples(["id"], "meta_age > 28 AND meta_city IS NULL").column("id").to_pylist() == ["c"]


def test_where_says_what_is_wrong(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1), label="it's", group="g")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"], "label = 'it''s' AND group = 'g'").num_rows == 1
        with pytest.raises(InputError, match=r"labl.*label.*Columns: id, source") as error:
            snapshot.samples(["id"], "labl = 'x'")
        assert ".rs:" not in str(error.value)


def test_a_condition_of_the_user_and_equal_columns_hold_both(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], unit(3), label=["x", "y", "x"], identity="i")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"], "id > 'a'", label="x").column("id").to_pylist() == ["c"]
        assert snapshot.samples(["id"], "id = 'a' OR id = 'b'", label=["y"]).column("id").to_pylist() == ["b"]
        assert snapshot.samples(["id"], "label = 'x'", id_prefix="c").column("id").to_pylist() == ["c"]
        assert snapshot.samples(["id"], "id = 'a') OR (1 = 1", label="y").num_rows <= 1  # never the whole table


def test_adding_a_view_fills_it_row_by_row(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.writer() as writer:
        wider = writer.register_space(spec(), 16, ("base", "hflip"))
        base, flip = unit(1), unit(1, seed=5)
        writer.replace_vectors(wider, [key("a")], {"base": base, "hflip": flip})
        writer.commit("view")
    with store.snapshot() as snapshot:
        again = snapshot.space()
        assert (again.views, again.name, again.created) == (("base", "hflip"), space.name, space.created)
        assert snapshot.vectors(again, "hflip").keys.tolist() == [key("a").encode()]
        assert len(snapshot.vectors(again, "base").keys) == 2


def test_deleting_samples_drops_vectors_nobody_uses(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b", "c"], unit(3))
    with store.writer() as writer:
        twin = rows(["d"]).set_column(3, "content", [[key("a")]]).set_column(5, "key", [[key("a")]])
        writer.append_samples(twin)
        writer.commit("twin of a")
        writer.delete_samples(["a", "b"])
        writer.commit("gone")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"]).column("id").to_pylist() == ["c", "d"]
        assert sorted(snapshot.vectors(space).keys.tolist()) == [key("a").encode(), key("c").encode()]


def test_places_that_are_no_store(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no store here"):
        open_store(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a Vitrine store"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match=r"holds other things \(notes.txt\)"):
        create_store(tmp_path)
    with pytest.raises(ReadOnlyStoreError, match="no lock there"):
        create_store("s3://bucket/store")


def test_banks_come_back_whole_and_once(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    bank = Bank(
        name="delta",
        space=space.fingerprint,
        origin="prompts.json",
        vectors=unit(3).vectors,
        edge_vector=np.array([0, 1, 2, 2]),
        edge_class=np.array(["x", "x", "x", "y"]),
        texts=("a", "b", "ä"),
        bias=np.array([0.5, -1, 2], np.float32),
        temperature=0.05,
    )
    store.save_bank(bank)
    store.save_bank(bank)
    (again,) = store.banks(space.fingerprint)
    assert again.sha256 == bank.sha256
    assert (again.texts, again.temperature, again.name) == (bank.texts, 0.05, "delta")
    assert store.banks("other") == ()


def test_vectors_are_float32_as_written(tmp_path: Path) -> None:
    given = Embeddings(*unit(7, d=5, seed=3))
    store, space = store_with(tmp_path / "s", [f"n{at}" for at in range(7)], given)
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(space)
        lengths = snapshot.norms(space)
        schema = snapshot.read(vectors_table(space.fingerprint)).schema
    np.testing.assert_array_equal(matrix.data, given.vectors)
    np.testing.assert_array_equal(lengths.column("n_base").to_numpy(), given.norms)
    assert schema.field("v_base").type == pa.list_(pa.float32(), 5)
