"""Searching a store, once and many times: what is found, what is read and loaded only once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from retrieval.encoders import registry
from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, UnknownNameError
from retrieval.search import gallery, space_view
from retrieval.search.exact import FEW, ExactIndex
from retrieval.search.searcher import Searcher, search
from retrieval.search.vector_rows import find_rows
from retrieval.store.memory import MemoryStore
from retrieval.store.open import LanceStore, create_store
from retrieval.types import Embeddings, Encoder, EncoderSpec
from tests.support import tiny_open_clip
from tests.support.images import write_images
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.search.result import SearchResult

COSINES = np.cos(np.radians([5, 10, 30]))


def ids(result: SearchResult) -> list[str]:
    return [hit.sample["id"] for hit in result.hits]


def test_by_id_by_path_and_by_prefix_leave_the_sample_out(circle_store: LanceStore) -> None:
    want = ["n1", "a2", "b1"]
    for wanted in ("a1", "a1.jpg"):
        result = search(circle_store, id=wanted, k=3)
        assert ids(result) == want
        np.testing.assert_allclose([h.score for h in result.hits], COSINES, rtol=1e-6)
    assert ids(search(circle_store, id="n", k=1)) == ["a1"]
    assert ids(search(circle_store, id="a1", k=2, include_self=True)) == ["a1", "n1"]


def test_the_end_of_a_path_is_enough_where_one_sample_has_it(tmp_path: Path) -> None:
    paths = ["Hands/Hand_1.jpg", "Hands/Hand_11.jpg", "more/Hand_11.jpg", "more/other/1.jpg"]
    store, _ = store_with(tmp_path / "s", ["a", "b", "c", "d"], unit(4), uri=paths)
    assert ids(search(store, id="Hand_1.jpg")) == ids(search(store, id="a"))
    assert ids(search(store, id="other/1.jpg")) == ids(search(store, id="d"))
    with pytest.raises(InputError, match=r"write one of: `id=Hands/Hand_11\.jpg`, `id=more/Hand_11\.jpg`"):
        search(store, id="Hand_11.jpg")
    with pytest.raises(UnknownNameError):
        search(store, id="and_1.jpg")
    with store.writer() as writer:
        writer.append_samples(rows(["e"], key=key("a"), content=key("a"), uri=paths[0], position=4))
        writer.commit("the same path in another source")
    with pytest.raises(InputError, match="write one of: `id=a`, `id=e`"):
        search(store, id="Hand_1.jpg")


@pytest.mark.parametrize(("query", "samples"), [({"label": "b"}, ["b1", "b2"]), ({"identity": "ia1"}, ["a1"])])
def test_among_its_own_samples_alone_a_label_leaves_none_out(
    circle_store: LanceStore, query: dict[str, Any], samples: list[str]
) -> None:
    ((kind, value),) = query.items()
    result = search(circle_store, **query, where=f"{kind} = '{value}'")
    assert sorted(ids(result)) == samples
    assert result.warnings == (f"All samples searched have the {kind} of the query itself; they are ranked.",)
    assert not set(samples) & set(ids(search(circle_store, **query)))


def test_a_store_is_a_path_an_object_or_a_snapshot(circle_store: LanceStore, tmp_path: Path) -> None:
    want = ids(search(circle_store, id="a1"))
    assert ids(search(circle_store.uri, id="a1")) == want
    assert ids(search(tmp_path / circle_store.uri, id="a1")) == want
    with circle_store.snapshot() as snapshot:
        assert ids(search(snapshot, id="a1")) == want
        assert ids(search(snapshot, id="a1")) == want  # and it stays open


def test_a_store_in_memory() -> None:
    samples = rows(["a", "b", "c"]).append_column("label", pa.array(["x", "y", "y"]))
    for name in ("identity", "aspect", "camera", "group", "split"):
        samples = samples.append_column(name, pa.nulls(3, pa.string()))
    store = MemoryStore(samples, {"m": {"base": ([key(name) for name in "abc"], unit(3).vectors)}})
    assert sorted(ids(search(store, id="a"))) == ["b", "c"]
    assert search(store, label="y", group_by="label").hits[0].group == "x"


def test_k_larger_than_the_store_gives_what_there_is(circle_store: LanceStore) -> None:
    assert len(ids(search(circle_store, id="a1", k=99))) == 5


def test_samples_without_a_vector_are_counted(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], unit(3))
    with store.writer() as writer:
        writer.append_samples(rows(["d"]))
        writer.commit("not embedded yet")
    found = search(store, id="a")
    assert (found.searched, found.without_vector, len(found.hits)) == (3, 1, 2)


def test_where_limits_what_is_searched(circle_store: LanceStore) -> None:
    result = search(circle_store, id="a1", k=9, where="camera = '2'")
    assert (ids(result), result.searched) == (["a2", "b2"], 2)


def test_same_content_under_two_samples_is_found_twice(tmp_path: Path) -> None:
    vectors = Embeddings(np.eye(3, dtype=np.float32), np.ones(3, np.float32))
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], vectors)
    with store.writer() as writer:
        twin = rows(["a9"], key=key("b"), content=key("b"), position=3)
        writer.append_samples(twin)
        writer.commit("twin")
    assert ids(search(store, vector=[0, 1, 0], k=2)) == ["b", "a9"]  # by position, not by id


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "search for one thing"),
        ({"id": "zz"}, "No sample with id or path 'zz'"),
        ({"id": "a"}, r"may mean 2 samples; write one of: `id=a1\.jpg`, `id=a2\.jpg`"),
        ({"label": "aa"}, "No label 'aa'"),
        ({"identity": "ia11"}, "Did you mean 'ia1'"),
        ({"id": "a1", "view": "hflip"}, "No view in space"),
        ({"id": "a1", "space": "modl"}, "No space 'modl'"),
        ({"id": "a1", "where": "camera = '9'"}, "matches nothing"),
        ({"id": "a1", "where": "1 = 1; nonsense"}, "is not a condition"),
        ({"id": "a1", "where": "id = 'n1'", "group_by": "label"}, "Nothing to group by"),
    ],
)
def test_what_cannot_be_searched_is_said(circle_store: LanceStore, fields: dict[str, Any], says: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=says) as raised:
        search(circle_store, **fields)
    assert "--" not in str(raised.value)


def test_a_request_or_its_fields(circle_store: LanceStore) -> None:
    result = search(circle_store, id="a1")
    assert search(circle_store, result.request) == result
    with pytest.raises(InputError, match=r"not both \(k\)"):
        search(circle_store, result.request, k=3)
    with pytest.raises(InputError, match=r"say what 'a1' is; write one of id=\.\.\."):
        search(circle_store, "a1")  # type: ignore[arg-type]


def test_a_kind_of_index_or_a_space_that_does_not_exist(circle_store: LanceStore) -> None:
    with pytest.raises(UnknownNameError, match="No kind of search index 'hsnw'"):
        Searcher(circle_store, index="hsnw")
    with pytest.raises(UnknownNameError, match="No space 'modl'"):
        Searcher(circle_store, space="modl")


class TestBetweenQueries:
    """What a searcher keeps."""

    def test_many_queries_equal_one_search_each(self, circle_store: LanceStore) -> None:
        asked: list[dict[str, Any]] = [
            {"id": name, "where": where, "group_by": group, "k": k, "include_self": k == 2}
            for name in ("a1", "n1", "b2.jpg")
            for where in (None, "camera = '1'", "label IS NOT NULL")
            for group in (None, "label")
            for k in (1, 2, 5)
        ]
        with Searcher(circle_store) as searcher:
            assert [searcher.search(**fields) for fields in asked] == [search(circle_store, **f) for f in asked]

    def test_a_hundred_ids_read_samples_and_make_an_index_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [f"n{at:03d}" for at in range(100)]
        store, _ = store_with(tmp_path / "s", names, unit(100))
        made: list[str] = []

        def counting(name: str, function: Any) -> Any:
            def counted(*args: Any, **kwargs: Any) -> Any:
                made.append(name)
                return function(*args, **kwargs)

            return counted

        monkeypatch.setattr(gallery, "ExactIndex", counting("index", ExactIndex))
        monkeypatch.setattr(space_view, "find_rows", counting("rows", find_rows))
        with store.snapshot() as snapshot:
            monkeypatch.setattr(snapshot, "samples", counting("samples", snapshot.samples))
            monkeypatch.setattr(snapshot, "vectors", counting("vectors", snapshot.vectors))
            searcher = Searcher(snapshot)
            for name in names:
                assert len(searcher.search(id=name, k=3).hits) == 3
        assert sorted(made) == ["index", "rows", "samples", "vectors"]

    def test_the_encoder_is_loaded_once_for_texts_and_images(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tiny_open_clip.register(tmp_path)
        request = EncoderRequest(f"open_clip/{tiny_open_clip.NAME}", random_init=0, precision="fp32", device="cpu")
        store = create_store(tmp_path / "s")
        with store.writer() as writer:
            space = writer.register_space(resolve(request), 16, ("base",))
            writer.append_vectors(space, [key(name) for name in "abc"], {"base": unit(3)})
            writer.append_samples(rows(list("abc")))
            writer.commit("test")
        loads: list[str] = []
        load = registry.load

        def counted(spec: EncoderSpec, device: str) -> Encoder:
            loads.append(device)
            return load(spec, device)

        monkeypatch.setattr(registry, "load", counted)
        (image,) = write_images(tmp_path / "images", 1)
        with Searcher(store) as searcher:
            found = [searcher.search(text=f"words {at}", device="cpu") for at in range(10)]
            searcher.search(image=image, device="cpu")
            assert loads == ["cpu"]
        assert len({result.hits[0].score for result in found}) == 10
        assert search(store, text="words 3", device="cpu") == found[3]
        assert loads == ["cpu", "cpu"]

    def test_repr_says_what_is_searched(self, circle_store: LanceStore) -> None:
        with Searcher(circle_store) as searcher:
            assert repr(searcher).startswith("Searcher(model-random0@")
            assert repr(searcher).endswith("; store version 1, exact search)")

    def test_its_version_of_the_store_stays(self, tmp_path: Path) -> None:
        store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
        with Searcher(store) as searcher:
            before = searcher.search(id="a")
            with store.writer() as writer:
                writer.append_vectors(space, [key("c")], {"base": unit(1, seed=5)})
                writer.append_samples(rows(["c"]))
                writer.commit("more")
            assert searcher.search(id="a") == before
            assert ids(search(store, id="a")) != ids(before)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_an_approximate_index_says_that_it_is(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(FEW, 8)
    store, _ = store_with(tmp_path / "s", [f"n{at:05d}" for at in range(FEW)], vectors, camera=["1", "2"] * (FEW // 2))
    with Searcher(store) as exact, Searcher(store, index=kind) as searcher:
        want, found = exact.search(id="n00007", k=5), searcher.search(id="n00007", k=5)
        assert (want.exhaustive, found.exhaustive) == (True, False)
        assert set(ids(found)) & set(ids(want))
        scores = {hit.sample["id"]: hit.score for hit in exact.search(id="n00007", k=FEW).hits}
        assert [hit.score for hit in found.hits] == [scores[sample] for sample in ids(found)]
        assert "n00007" not in ids(found)
        half = searcher.search(id="n00007", k=5, where="camera = '2'")
        assert (half.exhaustive, half.index) == (False, kind)
        assert {hit.sample["camera"] for hit in half.hits} == {"2"}
        few = searcher.search(id="n00007", k=5, where="id < 'n00900'")
        assert (few.exhaustive, few.index) == (True, "exact")
        assert few == exact.search(id="n00007", k=5, where="id < 'n00900'")


def test_an_approximate_index_of_few_vectors_is_exact(circle_store: LanceStore) -> None:
    with Searcher(circle_store, index="hnsw") as searcher:
        assert searcher.search(id="a1").exhaustive
