"""Search over a store: what is found, what is left out, what is said when it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import InputError, UnknownNameError
from retrieval.search.service import Query, SearchOptions, SearchResult, rows_of, search
from retrieval.types import Embeddings, VectorMatrix
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore

NAMES = ["a1", "a2", "b1", "b2", "c1", "n1"]
LABELS = ["a", "a", "b", "b", "c", None]
ANGLES = np.radians([0, 10, 30, 50, 80, 5])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LanceStore:
    vectors = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)
    made, _ = store_with(
        tmp_path_factory.mktemp("search") / "s",
        NAMES,
        Embeddings(vectors, np.ones(6, np.float32)),
        label=LABELS,
        identity=[f"i{name}" for name in NAMES],
        camera=["1", "2", "1", "2", "1", "1"],
    )
    return made


def find(store: LanceStore, query: Query, **options: object) -> SearchResult:
    with store.snapshot() as snapshot:
        return search(snapshot, query, SearchOptions(**options))  # type: ignore[arg-type]


def ids(result: SearchResult) -> list[str]:
    return [hit.sample["id"] for hit in result.hits]


def test_by_id_by_path_and_by_prefix_leave_the_sample_out(store: LanceStore) -> None:
    want = ["n1", "a2", "b1"]
    for wanted in ("a1", "a1.jpg"):
        result = find(store, Query(id=wanted), k=3)
        assert ids(result) == want
        np.testing.assert_allclose([h.score for h in result.hits], np.cos(ANGLES[[5, 1, 2]]), rtol=1e-6)
    assert ids(find(store, Query(id="n"), k=1)) == ["a1"]
    assert ids(find(store, Query(id="a1"), k=2, include_self=True)) == ["a1", "n1"]


def test_k_larger_than_the_store_gives_what_there_is(store: LanceStore) -> None:
    assert len(ids(find(store, Query(id="a1"), k=99))) == 5


def test_label_centroid_and_best_of_each(store: LanceStore) -> None:
    # The centroid of b lies at 40 degrees; each of b looks from 30 and 50.
    assert ids(find(store, Query(label="b"), k=2)) == ["a2", "n1"]
    assert ids(find(store, Query(label="b"), k=2, combine="max")) == ["a2", "n1"]
    best = find(store, Query(label="b"), k=9, combine="max")
    assert next(h.score for h in best.hits if h.sample["id"] == "c1") == pytest.approx(np.cos(np.radians(30)), abs=1e-6)
    assert sorted(ids(find(store, Query(label="b"), k=2, include_self=True))) == ["b1", "b2"]


def slow_max(store: LanceStore, identity: str, k: int, group_by: str | None) -> list[tuple[str, float]]:
    """Best score over all query images, one sample after the other, then the best of each group."""
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space())
        rows = snapshot.samples(["id", "key", "identity"]).to_pylist()
    at = {key.decode(): row for key, row in zip(matrix.keys, matrix.data.astype(np.float64), strict=True)}
    queries = [at[row["key"]] for row in rows if row["identity"] == identity]
    scored = [
        (-max(np.float32(query @ at[row["key"]]) for query in queries), row["id"], row["identity"])
        for row in rows
        if row["identity"] != identity
    ]
    found: list[tuple[str, float]] = []
    seen: set[str] = set()
    for score, sample, group in sorted(scored):
        if group_by is None or group not in seen:
            seen.add(group)
            found.append((sample, -float(score)))
    return found[:k]


@pytest.mark.parametrize("group_by", [None, "identity"])
@pytest.mark.parametrize("seed", range(6))
def test_best_of_each_equals_a_slow_reference(tmp_path: Path, seed: int, group_by: str | None) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((62, 3))
    raw[:25] = raw[0] + 0.05 * rng.standard_normal((25, 3))
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    who = [f"p{at}" for at in [0, 1, 2, 0, *rng.integers(1, 12, 58)]]
    store, _ = store_with(
        tmp_path / "s",
        [f"n{at:02d}" for at in range(62)],
        Embeddings(raw.astype(np.float32), np.ones(62, np.float32)),
        identity=who,
    )
    for k in (1, 2, 5, 9):
        found = find(store, Query(identity="p0"), k=k, combine="max", group_by=group_by)
        want = slow_max(store, "p0", k, group_by)
        assert ids(found) == [sample for sample, _ in want]
        np.testing.assert_allclose([hit.score for hit in found.hits], [score for _, score in want], rtol=1e-6)


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
    found = find(store, Query(identity="0"), k=3, include_self=True)
    assert found.hits[0].score == pytest.approx(9 / np.hypot(9, 1))


def test_samples_without_a_vector_are_counted(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], unit(3))
    with store.writer() as writer:
        writer.append_samples(rows(["d"]))
        writer.commit("not embedded yet")
    found = find(store, Query(id="a"))
    assert (found.searched, found.without_vector, len(found.hits)) == (3, 1, 2)


def test_groups_are_ranked_by_their_best_image(store: LanceStore) -> None:
    result = find(store, Query(id="n1"), k=3, group_by="label")
    assert [(hit.group, hit.sample["id"]) for hit in result.hits] == [("a", "a1"), ("b", "b1"), ("c", "c1")]
    assert [hit.rank for hit in result.hits] == [1, 2, 3]


def test_where_limits_what_is_searched(store: LanceStore) -> None:
    result = find(store, Query(id="a1"), k=9, where="camera = '2'")
    assert (ids(result), result.searched) == (["a2", "b2"], 2)


def test_vector_queries_are_normalised_and_checked(store: LanceStore) -> None:
    assert ids(find(store, Query(vector=np.array([0, 7.0], np.float32)), k=1)) == ["c1"]
    for bad in ([1.0, 2.0, 3.0], [0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(InputError, match="2 finite numbers"):
            find(store, Query(vector=np.array(bad, np.float32)))


def test_same_content_under_two_samples_is_found_twice(tmp_path: Path) -> None:
    vectors = Embeddings(np.eye(3, dtype=np.float32), np.ones(3, np.float32))
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], vectors)
    with store.writer() as writer:
        row = writer.snapshot.samples(where="id = 'b'")
        writer.append_samples(row.set_column(0, "id", [["a9"]]))
        writer.commit("twin")
    assert ids(find(store, Query(vector=np.array([0, 1, 0], np.float32)), k=2)) == ["a9", "b"]


@pytest.mark.parametrize(
    ("query", "options", "says"),
    [
        (Query(), {}, "Search for one thing"),
        (Query(id="a1", label="a"), {}, "Search for one thing"),
        (Query(id="zz"), {}, "No sample with id or path 'zz'"),
        (Query(id="a"), {}, "may mean 2 samples"),
        (Query(label="aa"), {}, "No label 'aa'"),
        (Query(identity="ia11"), {}, "Did you mean 'ia1'"),
        (Query(id="a1"), {"view": "hflip"}, "No view in space"),
        (Query(id="a1"), {"where": "camera = '9'"}, "matches nothing"),
        (Query(id="a1"), {"k": 0}, "at least one"),
        (Query(text=" "), {}, "text to search for is empty"),
        (Query(id="a1"), {"where": "1 = 1; nonsense"}, "not one condition"),
        (Query(id="a1"), {"where": "id = 'n1'", "group_by": "label"}, "Nothing to group by"),
    ],
)
def test_what_cannot_be_searched_is_said(
    store: LanceStore, query: Query, options: dict[str, object], says: str
) -> None:
    with pytest.raises((InputError, UnknownNameError), match=says):
        find(store, query, **options)


def test_rows_of_finds_keys_and_marks_the_missing() -> None:
    keys = np.array([key(name) for name in ("x", "y", "z")], dtype="S48")
    matrix = VectorMatrix(keys, np.zeros((3, 2), np.float32), "f" * 32)
    assert rows_of([key("z"), key("q"), key("x")], matrix).tolist() == [2, -1, 0]
    assert rows_of([], matrix).tolist() == []
    empty = VectorMatrix(keys[:0], np.zeros((0, 2), np.float32), "f" * 32)
    assert rows_of([key("z")], empty).tolist() == [-1]
