"""Searches use a saved index, say so, and are exact with a reason where it cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexers.ann.build import build_ann
from indexers.ann.request import AnnRequest
from retrieval.search.searcher import Searcher, search
from retrieval.store.ann_files import RECORD
from retrieval.store.memory import MemoryStore
from retrieval.store.open import LanceStore, open_store
from tests.support.ann_stores import add_vector, clustered_store
from tests.support.file_digests import flip
from tests.support.sample_stores import key, rows, unit

KINDS = ("hnsw", "ivf", "lance")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(clustered_store(tmp_path_factory.mktemp("made") / "s").uri)


@pytest.fixture(scope="module", params=KINDS)
def indexed(request: pytest.FixtureRequest, made: Path, tmp_path_factory: pytest.TempPathFactory) -> LanceStore:
    """A store with a saved index of a kind."""
    store = open_store(shutil.copytree(made, tmp_path_factory.mktemp("indexed") / "s"))
    options = {"ef_construction": 40, "ef_search": 64} if request.param == "hnsw" else {"nprobe": 40}
    build_ann(AnnRequest(kind=request.param, options=options, quiet=True), store)
    return store


@pytest.fixture
def store(indexed: LanceStore, tmp_path: Path) -> LanceStore:
    """A copy that a test may change."""
    return open_store(shutil.copytree(indexed.uri, tmp_path / "s"))


def kind_of(store: LanceStore) -> str:
    (folder,) = (Path(store.uri) / "ann").iterdir()
    return next(kind for kind in KINDS if f'"kind": "{kind}"' in (folder / RECORD).read_text())


def test_a_saved_index_is_used_and_the_result_says_so(indexed: LanceStore) -> None:
    exact, result = search(indexed, id="n00007", k=20), search(indexed, id="n00007", k=20, approx=True)
    assert (exact.exhaustive, exact.index) == (True, "exact")
    assert (result.exhaustive, result.index, result.warnings) == (False, kind_of(indexed), ())
    assert f"10,000 samples searched approximately ({result.index})" in result.title
    scores = {hit.sample["id"]: hit.score for hit in search(indexed, id="n00007", k=10_000).hits}
    assert [hit.score for hit in result.hits] == [scores[hit.sample["id"]] for hit in result.hits]
    assert "n00007" not in {hit.sample["id"] for hit in result.hits}
    assert len({hit.sample["id"] for hit in (*result.hits, *exact.hits)}) <= 24
    assert result.to_dict()["index"] == result.index


def test_a_condition_that_leaves_much_is_searched_with_it_and_one_that_leaves_little_is_not(
    indexed: LanceStore,
) -> None:
    with Searcher(indexed) as searcher:
        half = searcher.search(id="n00008", k=5, where="camera = '2'", approx=True)
        want = searcher.search(id="n00008", k=5, where="camera = '2'")
        assert (half.exhaustive, half.searched, half.warnings) == (False, 5000, ())
        assert {hit.sample["camera"] for hit in half.hits} == {"2"}
        assert len(set(map(id_of, half.hits)) & set(map(id_of, want.hits))) >= 4
        few = searcher.search(id="n00008", k=5, where="identity < 'p103'", approx=True)
        assert (few.exhaustive, few.index) == (True, "exact")
        assert few.warnings == (
            "'identity < 'p103'' leaves too few samples for the saved index; the search was exact.",
        )
        assert few.hits == searcher.search(id="n00008", k=5, where="identity < 'p103'").hits


def id_of(hit: object) -> str:
    return str(hit.sample["id"])  # type: ignore[attr-defined]


def test_groups_and_several_query_vectors(indexed: LanceStore) -> None:
    searches: list[dict[str, Any]] = [{"group_by": "identity"}, {"combine": "max"}]
    for options in searches:
        exact = search(indexed, identity="p7", k=5, **options)
        result = search(indexed, identity="p7", k=5, approx=True, **options)
        assert (result.index, len(result.hits)) == (kind_of(indexed), 5)
        assert len({hit.group or id_of(hit) for hit in (*result.hits, *exact.hits)}) <= 7


def test_many_hits_are_searched_exactly(indexed: LanceStore) -> None:
    result = search(indexed, id="n00007", k=3000, approx=True)
    assert (result.exhaustive, len(result.hits)) == (True, 3000)
    assert result.warnings == ("The saved index has too few candidates for 3,000 hits; the search was exact.",)


def test_new_vectors_make_it_stale_and_labels_do_not(store: LanceStore) -> None:
    with store.writer() as writer:
        sample = writer.snapshot.samples(id_prefix="n00003").drop_columns(["label"])
        writer.update_samples(sample.append_column("label", pa.array(["new"])))
        writer.commit("a label")
    assert search(store, id="n00007", approx=True).index == kind_of(store)
    before = Searcher(store)
    add_vector(store)
    after = search(store, id="n00007", approx=True)
    assert after.exhaustive
    assert f"changed since its {kind_of(store)} index was made; run 'index-ann' again" in after.warnings[0]
    assert after.hits == search(store, id="n00007").hits
    with before:
        assert before.search(id="n00007", approx=True).index == kind_of(store)


def test_a_store_without_an_index_is_searched_exactly(made: Path) -> None:
    result = search(made, id="n00007", approx=True)
    assert result.exhaustive
    assert result.warnings == (
        f"Space {result.space.name} has no saved index of view base; 'index-ann' makes one; the search was exact.",
    )
    assert result.hits == search(made, id="n00007").hits


def test_a_store_in_memory_has_none() -> None:
    samples = rows(["a", "b"])
    for name in ("label", "identity", "aspect", "camera", "group", "split"):
        samples = samples.append_column(name, pa.nulls(2, pa.string()))
    store = MemoryStore(samples, {"m": {"base": ([key("a"), key("b")], unit(2).vectors)}})
    assert "has no saved index" in search(store, id="a", approx=True).warnings[0]


def test_damage_is_said_and_the_search_is_exact(store: LanceStore) -> None:
    (folder,) = (Path(store.uri) / "ann").iterdir()
    path = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    if kind_of(store) == "lance":  # which is not read as a whole before each search
        path.write_bytes(path.read_bytes()[:-1])
    else:
        flip(path, path.stat().st_size // 2)
    want = search(store, id="n00007").hits
    result = search(store, id="n00007", approx=True)
    assert result.warnings == (f"{path} is not as it was written; run 'index-ann' again; the search was exact.",)
    assert result.hits == want
    flip(folder / RECORD, 40)
    assert "index.json is not as it was written" in search(store, id="n00007", approx=True).warnings[0]


def test_a_searcher_opens_an_index_once(indexed: LanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with Searcher(indexed) as searcher:
        first = searcher.search(id="n00007", approx=True)
        with monkeypatch.context() as patch:
            patch.setattr("retrieval.search.space_view.find_saved", None)
            assert searcher.search(id="n00007", approx=True) == first
    vector = np.ones(16)
    assert search(indexed, vector=vector, approx=True).index == kind_of(indexed)
