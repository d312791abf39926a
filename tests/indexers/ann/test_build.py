"""Indexes are built, measured and saved whole, or a sentence says why not and nothing changes."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from indexers.ann.build import build_ann, drop_ann
from indexers.ann.request import AnnRequest
from retrieval.errors import InputError, StoreError, StoreLockedError, UnknownNameError
from retrieval.search.searcher import search
from retrieval.store.ann_files import load_ann
from retrieval.store.open import create_store, open_store
from tests.support.ann_stores import add_vector, clustered_store
from tests.support.file_digests import flip
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from retrieval.store.ann_files import AnnRecord
    from retrieval.store.open import LanceStore


def build(store: LanceStore, kind: str = "ivf", **options: Any) -> Any:
    return build_ann(AnnRequest(kind=kind, options=options, quiet=True), store)


def folder_of(store: LanceStore) -> Path:
    (folder,) = (Path(store.uri) / "ann").iterdir()
    return folder


def saved(store: LanceStore) -> AnnRecord:
    record = load_ann(folder_of(store))
    assert record is not None
    return record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(clustered_store(tmp_path_factory.mktemp("made") / "s").uri)


@pytest.fixture
def store(made: Path, tmp_path: Path) -> LanceStore:
    """A store of its own."""
    shutil.copytree(made, tmp_path / "s")
    return open_store(tmp_path / "s")


def test_what_is_saved_is_what_was_measured(store: LanceStore) -> None:
    report = build(store)
    assert report.built
    assert saved(store) == report.record
    with store.snapshot() as snapshot:
        place = snapshot.ann_place(snapshot.space())
        assert place is not None
        assert (place.folder, place.mark) == (folder_of(store), report.record.vectors)
        assert (report.record.rows, report.record.store_version) == (10_000, snapshot.store_version)
    said = report.to_dict()
    assert said["parameters"] == {"cells": 200, "nprobe": 16, "seed": 0}
    assert 0.8 < said["recall_at_10"] <= 1
    assert said["ranking"]["queries"] == 1000
    assert said["ranking"]["exact"]["rank_1"] >= said["ranking"]["approximate"]["rank_1"] > 0.5
    assert said["bytes"] == sum(path.stat().st_size for path in (folder_of(store) / report.record.generation).iterdir())


def test_the_same_index_is_measured_again_and_not_built(store: LanceStore) -> None:
    first = build(store, nprobe=2).record
    more = build(store, nprobe=60)
    assert not more.built
    assert more.record.files == first.files
    assert more.record.measured["recall_at_10"] > first.measured["recall_at_10"]
    assert saved(store).parameters["nprobe"] == 60
    assert build(store, cells=150).built


def test_a_damaged_index_is_built_again(store: LanceStore) -> None:
    (path,) = build(store).record.files
    flip(folder_of(store) / path, 3000)
    assert build(store).built


def test_another_kind_takes_the_place_of_the_first_and_other_vectors_make_another(store: LanceStore) -> None:
    build(store)
    (folder_of(store) / "killed").mkdir()
    assert build(store, "lance").built
    assert sorted(path.name for path in folder_of(store).iterdir()) == sorted([saved(store).generation, "index.json"])
    add_vector(store)
    assert build(store, "lance").record.rows == 10_001


def test_without_identities_it_is_said_why_rankings_were_not_measured(tmp_path: Path) -> None:
    measured = build(clustered_store(tmp_path / "s", identities=False)).record.measured
    assert (measured["ranking"], measured["ranking_reason"]) == (None, "no sample has an identity")


def test_few_vectors_none_and_unknown_names_are_refused(store: LanceStore, tmp_path: Path) -> None:
    few, space = store_with(tmp_path / "few", list("abc"), unit(3))
    with pytest.raises(InputError, match=r"has 3 vectors of view base, and an approximate index needs 10,000 at least"):
        build(few)
    with pytest.raises(InputError, match="no saved index to drop"):
        drop_ann(few, space.name)
    empty = create_store(tmp_path / "empty")
    with empty.writer():
        pass
    with pytest.raises(InputError, match="The store has no vectors yet"):
        build(empty)
    with pytest.raises(UnknownNameError, match="Did you mean 'hnsw'"):
        build(store, "hsnw")
    with pytest.raises(InputError, match="Did you mean 'nprobe'"):
        build(store, nprob=3)
    with pytest.raises(UnknownNameError, match="No view in space"):
        build_ann(AnnRequest(view="hflip"), store)
    with pytest.raises(InputError, match=r"`cells=251` needs 10,040 vectors at least.*choose 250 or fewer"):
        build(store, cells=251)
    with pytest.raises(InputError, match="`nprobe=201` is more than there are cells; choose 200 or fewer"):
        build(store, nprobe=201)
    assert not (Path(store.uri) / "ann").exists()


def test_a_store_that_is_written_is_refused(store: LanceStore) -> None:
    with store.writer(), pytest.raises(StoreLockedError, match="still being written by process"):
        build(store)


@pytest.mark.parametrize("kind", ["ivf", "lance"])
def test_a_full_disk_leaves_the_index_that_was_there(
    store: LanceStore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(store).record
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            build(store, kind, cells=150)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert saved(store) == first
    assert len(list(folder_of(store).iterdir())) == 2

    class Usage(NamedTuple):
        free: int = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())
    with pytest.raises(StoreError, match=r"it needs about .* kB, and 1.0 kB are free"):
        build(store, kind, cells=150)
    assert search(store, id="n00007", approx=True).index == "ivf"


def test_indexes_of_a_space_are_dropped(store: LanceStore) -> None:
    build(store)
    name, *dropped = drop_ann(store)
    assert dropped == [f"{open_space(store)}-base"]
    assert name.startswith("model-random0@")
    assert not (Path(store.uri) / "ann").exists()


def open_space(store: LanceStore) -> str:
    with store.snapshot() as snapshot:
        return snapshot.space().fingerprint
