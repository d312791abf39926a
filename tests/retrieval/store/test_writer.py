"""What a writer adds, changes and deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError
from retrieval.store.schema import vectors_table
from retrieval.types import Bank, Embeddings
from tests.support.sample_stores import key, rows, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


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
        twin = rows(["d"], content=key("a"), key=key("a"), position=3)
        writer.append_samples(twin)
        writer.commit("twin of a")
        writer.delete_samples(["a", "b"])
        writer.commit("gone")
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id"]).column("id").to_pylist() == ["c", "d"]
        assert sorted(snapshot.vectors(space).keys.tolist()) == [key("a").encode(), key("c").encode()]


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
        kind="prompts",
    )
    store.save_bank(bank)
    store.save_bank(bank)
    (again,) = store.banks(space.fingerprint)
    assert again.sha256 == bank.sha256
    assert (again.texts, again.temperature, again.name, again.kind) == (bank.texts, 0.05, "delta", "prompts")
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
