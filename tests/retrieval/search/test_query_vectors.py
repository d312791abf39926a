"""The vectors that a request searches with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.encoders import registry
from retrieval.errors import InputError, SpaceMismatchError
from retrieval.search.searcher import search
from retrieval.store.memory import MemoryStore
from retrieval.types import Embeddings
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.search.result import SearchResult
    from retrieval.store.open import LanceStore


def ids(result: SearchResult) -> list[str]:
    return [hit.sample["id"] for hit in result.hits]


def test_label_centroid_and_best_of_each(circle_store: LanceStore) -> None:
    # The centroid of b lies at 40 degrees; each of b looks from 30 and 50.
    assert ids(search(circle_store, label="b", k=2)) == ["a2", "n1"]
    assert ids(search(circle_store, label="b", k=2, combine="max")) == ["a2", "n1"]
    best = search(circle_store, label="b", k=9, combine="max")
    assert next(h.score for h in best.hits if h.sample["id"] == "c1") == pytest.approx(np.cos(np.radians(30)), abs=1e-6)
    assert sorted(ids(search(circle_store, label="b", k=2, include_self=True))) == ["b1", "b2"]


def test_a_centroid_counts_every_image(tmp_path: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    store, _ = store_with(
        tmp_path / "s", ["a", "b", "c"], Embeddings(vectors, np.ones(3, np.float32)), identity=["0", "0", "1"]
    )
    with store.writer() as writer:
        twin = writer.snapshot.samples(where="id = 'a'")
        for at in range(8):  # nine images of one content, one of another
            writer.append_samples(twin.set_column(0, "id", [[f"a{at}"]]))
        writer.commit("twins")
    found = search(store, identity="0", k=3, include_self=True)
    assert found.hits[0].score == pytest.approx(9 / np.hypot(9, 1))


def test_a_centroid_of_zero_is_refused(tmp_path: Path) -> None:
    vectors = Embeddings(np.array([[1, 0], [-1, 0], [0, 1]], np.float32), np.ones(3, np.float32))
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], vectors, label=["l", "l", "m"])
    with pytest.raises(InputError, match="combine=max"):
        search(store, label="l")
    assert ids(search(store, label="l", combine="max")) == ["c"]


def test_a_given_vector_is_normalised_and_checked(circle_store: LanceStore) -> None:
    assert ids(search(circle_store, vector=np.array([0, 7.0], np.float32), k=1)) == ["c1"]
    for bad in ([0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(
            InputError, match=r"is zero, or holds numbers that are not finite|should be a finite number"
        ):
            search(circle_store, vector=bad)


def test_a_vector_of_another_space_is_refused(circle_store: LanceStore) -> None:
    with circle_store.snapshot() as snapshot:
        own = snapshot.space().fingerprint
    assert ids(search(circle_store, vector=[0, 1], vector_space=own, k=1)) == ["c1"]
    with pytest.raises(SpaceMismatchError, match="belongs to space 0123"):
        search(circle_store, vector=[0, 1], vector_space="0123", space=own)
    with pytest.raises(SpaceMismatchError, match="has 3 numbers and cannot be compared"):
        search(circle_store, vector=[1, 2, 3])


def test_a_text_needs_an_encoder_with_a_text_tower(circle_store: LanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda *_: object())
    with pytest.raises(InputError, match="has no text tower; a text needs a space of an open_clip model"):
        search(circle_store, text="words")
    columns = dict.fromkeys(("label", "identity", "aspect", "camera", "group", "split"), "x")
    imported = MemoryStore(rows(["a"], **columns), {"m": {"base": ([key("a")], unit(1).vectors)}})
    with pytest.raises(InputError, match="was imported and has no encoder; search it by id, identity or label"):
        search(imported, text="words")
