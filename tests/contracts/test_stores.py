"""What every embedding store promises to its readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from retrieval.errors import ReadOnlyStoreError, SpaceMismatchError, UnknownNameError
from retrieval.store.memory import MemoryStore
from retrieval.types import Bank, SplitSet
from retrieval.types.store import EmbeddingStore
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["c", "a", "b"]


@pytest.fixture(params=["lance", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> EmbeddingStore:
    vectors = unit(3)
    if request.param == "lance":
        return store_with(tmp_path / "s", NAMES, vectors, identity=["x", "y", None])[0]
    views = {"base": ([key(name) for name in NAMES], vectors.vectors)}
    return MemoryStore(rows(NAMES, identity=["x", "y", None]), {"model@1234": views})


def test_samples_come_in_the_order_of_the_data(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        assert snapshot.samples(["id", "identity"]).to_pydict() == {"id": ["c", "a", "b"], "identity": ["x", "y", None]}
        assert snapshot.samples().column_names[:1] == ["id"]
        assert {"id", "key", "identity"} <= set(snapshot.column_names("samples"))
        assert snapshot.store_version >= 1


def test_samples_come_in_parts(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        parts = [part.to_pylist() for part in snapshot.sample_parts(["id", "identity"])]
    rows = sorted((row["id"], row["identity"]) for part in parts for row in part)
    assert rows == [("a", "y"), ("b", None), ("c", "x")]


def ids(store: EmbeddingStore, *args: str | None, **equal: Any) -> list[str]:
    with store.snapshot() as snapshot:
        found: list[str] = snapshot.samples(["id"], *args, **equal).column("id").to_pylist()
        return found


def test_samples_are_chosen_by_equal_columns_and_beginnings_of_ids(store: EmbeddingStore) -> None:
    assert ids(store, identity="x") == ["c"]
    assert ids(store, identity=["x", "y"]) == ["c", "a"]
    assert ids(store, identity="it's") == []
    assert ids(store, identity=[]) == []
    assert ids(store, id=["a", "c", *(f"n{at}" for at in range(2000))]) == ["c", "a"]
    assert ids(store, source="s", uri="b.jpg") == ["b"]
    assert ids(store, id_prefix="b") == ["b"]
    assert ids(store, id_prefix="%") == []
    assert ids(store, id_prefix="") == ["c", "a", "b"]
    with store.snapshot() as snapshot:
        assert snapshot.samples(["uri"], identity="y").to_pydict() == {"uri": ["a.jpg"]}


def test_counts_and_pictures(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        assert snapshot.count("samples") == 3
        assert snapshot.thumbnails([key("a")]) == {}
        assert snapshot.thumbnails([]) == {}


def test_vectors_are_found_by_key(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        space = snapshot.space()
        assert snapshot.spaces == (space,)
        assert snapshot.space(space.fingerprint[:8]) == space
        matrix = snapshot.vectors(space)
        place = {bytes(name).decode(): at for at, name in enumerate(matrix.keys)}
        np.testing.assert_array_equal(matrix.data[[place[key(name)] for name in NAMES]], unit(3).vectors)
        with pytest.raises(UnknownNameError, match="No view"):
            snapshot.vectors(space, "vflip")
        with pytest.raises(UnknownNameError, match="No space"):
            snapshot.space("other")


def test_lengths_and_pictures_by_key(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        rows = snapshot.norms(snapshot.space(), "base").to_pylist()
        assert {row["key"] for row in rows} == {key(name) for name in NAMES}
        assert all(row["n_base"] > 0 for row in rows)
        assert snapshot.norms(snapshot.space()).column_names == ["key", "n_base"]
        assert list(snapshot.thumbnail_keys()) == []


def test_writing_is_all_or_nothing_or_refused(store: EmbeddingStore) -> None:
    if isinstance(store, MemoryStore):
        with pytest.raises(ReadOnlyStoreError, match="make another with other arrays"):
            store.writer()
        return
    with store.writer(0) as writer:
        before = writer.commit("nothing")
        space = writer.snapshot.space()
        writer.put_source("s", "folder", "/images")
        writer.append_vectors(space, [key("d")], {"base": unit(1, seed=4)})
        writer.append_samples(rows(["d"]))
        writer.append_thumbnails({key("d"): b"webp"})
        assert sorted(writer.vector_keys(space)) == [key(name) for name in "abcd"]
        assert writer.snapshot.count("samples") == 3
        assert ids(store) == ["c", "a", "b"]
        assert writer.commit("more") == before + 1
        writer.tidy()
    with store.snapshot() as snapshot:
        assert (snapshot.store_version, snapshot.count("samples")) == (before + 1, 4)
        assert list(snapshot.thumbnail_keys()) == [key("d")]
        assert [source._asdict() for source in snapshot.sources] == [
            {"name": "s", "kind": "folder", "root": "/images", "position": 0, "next_position": 0}
        ]
    with store.writer(0) as writer:
        writer.delete_samples(["d"])
        assert writer.commit("less") == before + 2
    with store.snapshot() as snapshot:
        assert key("d") not in {name.decode() for name in snapshot.vectors(snapshot.space()).keys.tolist()}
        assert snapshot.thumbnails([key("d")]) == {}


def test_split_sets_there_and_back(store: EmbeddingStore) -> None:
    made = SplitSet("mine", np.array([0, 0, 1]), np.array(["b", "a", "a"]), np.array(["query", "gallery", "query"]))
    for _ in range(2):
        store.save_splits(made)
    assert dict(store.split_sets()) == {"mine": made.sha256}
    assert store.read_splits("mine").sha256 == made.sha256
    assert len(store.read_splits("mine").draw) == 3
    with pytest.raises(UnknownNameError, match="No split set 'other'"):
        store.read_splits("other")


def test_banks_there_and_back(store: EmbeddingStore) -> None:
    bank = Bank(
        "words",
        "f" * 32,
        "test",
        unit(2).vectors,
        np.array([0, 1]),
        np.array(["x", "y"]),
        texts=("an x", "a y"),
        kind="prompts",
    )
    for _ in range(2):
        store.save_bank(bank)
    (found,) = store.banks("f" * 32)
    assert (found.sha256, found.kind, found.space) == (bank.sha256, "prompts", "f" * 32)
    assert store.banks("0" * 32) == ()
    assert len(store.banks()) == 1


def test_a_bank_is_as_wide_as_its_space(store: EmbeddingStore) -> None:
    with store.snapshot() as snapshot:
        space = snapshot.space()
    for width in (space.dimension - 1, space.dimension):
        edges = np.array([0, 1]), np.array(["x", "y"])
        bank = Bank("words", space.fingerprint, "test", unit(2, width).vectors, *edges, kind="prototypes")
        if width == space.dimension:
            store.save_bank(bank)
        else:
            with pytest.raises(SpaceMismatchError, match=rf"'words' has vectors of {width} dim.* {space.name} has"):
                store.save_bank(bank)
    assert [bank.vectors.shape[1] for bank in store.banks()] == [space.dimension]


def test_results_there_and_back_newest_first(store: EmbeddingStore) -> None:
    assert store.results() == ()
    for mode, created in (
        ("knn", "2026-01-02"),
        ("reid", "2026-01-03"),
        ("fusion", "2026-01-01"),
        ("knn", "2026-02-01"),
    ):
        store.save_result({"mode": mode, "metrics": {}, "created": created})
    found = store.results()
    assert [each.result["mode"] for each in found] == ["reid", "knn", "fusion"]
    assert [each.created for each in found] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert len({each.sha256 for each in found}) == 3
