"""What ``info`` and ``verify`` say of saved indexes, and what a repair deletes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.store.ann_files import AnnRecord, ann_files, ann_folder, load_ann, save_ann
from retrieval.store.ann_info import ann_lines
from retrieval.store.info import describe
from retrieval.store.verify import verify_store
from tests.support.file_digests import flip
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    """A store with the record of an index; the files of one are not read for this."""
    store, space = store_with(tmp_path / "s", list("abc"), unit(3))
    with store.snapshot() as snapshot:
        place = snapshot.ann_place(space)
    assert place is not None
    (place.folder / "g").mkdir(parents=True)
    (place.folder / "g" / "index.faiss").write_bytes(b"cells")
    files, measured = ann_files(place.folder / "g"), {"recall_at_10": 0.98765}
    values = (space.fingerprint, "base", "ivf", 3, 16, place.mark, {"nprobe": 2}, "g", files, measured)
    save_ann(place.folder, AnnRecord(*values, "2026-11-28T20:00:00Z", 1))
    return store


def lines(store: LanceStore) -> list[str]:
    return list(ann_lines(describe(store)["indexes"]))


def findings(store: LanceStore, *, repair: bool = False) -> list[tuple[str, bool, str]]:
    found = verify_store(store, repair=repair)
    return [
        (one.check, one.wrong, one.detail) for one in found if one.check.startswith("index") or "ann/" in one.detail
    ]


def folder_of(store: LanceStore) -> Path:
    (folder,) = (Path(store.uri) / "ann").iterdir()
    return folder


def test_a_sound_index(store: LanceStore) -> None:
    (name,) = [space["name"] for space in describe(store)["spaces"]]
    assert describe(store)["indexes"] == [
        {
            "space": name, "view": "base", "kind": "ivf", "rows": 3, "recall_at_10": 0.98765, "stale": False,
            "bytes": 5, "parameters": {"nprobe": 2}, "created": "2026-11-28T20:00:00Z", "damaged": None,
        }
    ]  # fmt: skip
    assert lines(store) == [f"index of {name} (base): ivf over 3 vectors, recall@10 0.9877, 5 B"]
    assert findings(store) == [(f"index of {name} base", False, "ivf, as it was written")]
    assert findings(store, repair=True) == findings(store)


def test_a_stale_index_is_not_wrong(store: LanceStore) -> None:
    with store.writer() as writer:
        writer.append_vectors(writer.snapshot.space(), [key("d")], {"base": unit(1)})
        writer.append_samples(rows(["d"]))
        writer.commit("more")
    assert describe(store)["indexes"][0]["stale"]
    assert lines(store)[0].endswith("; stale, the vectors changed since: run 'index-ann' again")
    ((_, wrong, detail),) = findings(store)
    assert (wrong, detail.partition(";")[2]) == (False, " stale, the vectors changed since: run 'index-ann' again")


def test_damage_is_wrong_and_a_repair_deletes_it(store: LanceStore) -> None:
    folder = folder_of(store)
    flip(folder / "g" / "index.faiss", 1)
    ((_, wrong, detail),) = findings(store)
    assert wrong
    assert "index.faiss is not as it was written; run 'index-ann' again, or drop the index" in detail
    flip(folder / "index.json", 30)
    assert "index.json is not as it was written" in lines(store)[0]
    ((_, wrong, detail),) = findings(store)
    assert (wrong, "or delete the folder" in detail) == (True, True)
    ((check, wrong, detail),) = findings(store, repair=True)
    assert (check, wrong) == ("repair", False)
    assert detail == f"ann/{folder.name}: deleted, because it is damaged; run 'index-ann' again"
    assert findings(store) == []


def test_an_index_of_no_space_is_named(store: LanceStore) -> None:
    folder = folder_of(store)
    shutil.copytree(folder, ann_folder(Path(store.uri), "0" * 32, "base"))
    assert ("index of no space", True) in [found[:2] for found in findings(store)]
    assert load_ann(folder) is not None


def test_a_build_that_was_killed_leaves_nothing_that_is_used(store: LanceStore) -> None:
    (folder_of(store) / "index.json").unlink()
    assert (describe(store)["indexes"], lines(store)) == ([], [])
    ((_, wrong, detail),) = findings(store)
    assert (wrong, "it is not used" in detail) == (False, True)
