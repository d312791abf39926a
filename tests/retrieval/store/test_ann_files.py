"""Records of saved indexes: read as written or refused, replaced whole, deleted with everything beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import StoreError
from retrieval.store.ann_files import (
    RECORD,
    AnnRecord,
    ann_files,
    ann_folder,
    ann_folders,
    damaged_ann_file,
    load_ann,
    remove_ann,
    save_ann,
    sweep_ann,
)
from tests.support.file_digests import flip

if TYPE_CHECKING:
    from pathlib import Path


def saved(store: Path, space: str = "f1", view: str = "base", content: bytes = b"graph") -> tuple[Path, AnnRecord]:
    """An index of one file."""
    folder = ann_folder(store, space, view)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "g1" / "index.faiss"
    path.parent.mkdir()
    path.write_bytes(content)
    files = ann_files(path.parent)
    measured = {"recall_at_10": 0.5}
    record = AnnRecord(space, view, "hnsw", 3, 2, "mark", {"links": 32}, "g1", files, measured, "now", 7)
    save_ann(folder, record)
    return folder, record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder, record = saved(tmp_path)
    assert load_ann(folder) == record
    assert record.size == 5
    assert list(record.files) == ["g1/index.faiss"]
    assert load_ann(folder.with_name("other")) is None


def test_a_record_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path)
    raw = json.loads((folder / RECORD).read_text())
    for text in ("{", "[]", "{}", json.dumps({**raw, "body": {**raw["body"], "rows": 4}})):
        (folder / RECORD).write_text(text)
        with pytest.raises(StoreError, match="is not as it was written; run 'index-ann' again"):
            load_ann(folder)
    (folder / RECORD).write_text(json.dumps({**raw, "layout": 0}))
    assert load_ann(folder) is None


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder, record = saved(tmp_path)
    assert damaged_ann_file(folder, record) is None
    flip(folder / "g1/index.faiss", 2)
    assert damaged_ann_file(folder, record) == "g1/index.faiss"
    assert damaged_ann_file(folder, record, sizes_only=True) is None
    (folder / "g1/index.faiss").write_bytes(b"g")
    assert damaged_ann_file(folder, record, sizes_only=True) == "g1/index.faiss"
    (folder / "g1/index.faiss").unlink()
    assert damaged_ann_file(folder, record) == "g1/index.faiss"


def test_what_a_record_does_not_name_is_swept(tmp_path: Path) -> None:
    folder, record = saved(tmp_path)
    (folder / "g0" / "index.lance" / "data").mkdir(parents=True)
    (folder / ".index.json.part").write_bytes(b"of a killed run")
    sweep_ann(folder, record)
    assert sorted(path.name for path in folder.iterdir()) == ["g1", RECORD]
    sweep_ann(folder, None)
    assert list(folder.iterdir()) == []


def test_indexes_of_a_space_are_deleted_and_others_stay(tmp_path: Path) -> None:
    folders = [saved(tmp_path, *which)[0] for which in (("f1", "base"), ("f1", "hflip"), ("f2", "base"))]
    assert ann_folders(tmp_path, "f1") == folders[:2]
    assert remove_ann(tmp_path, "f1") == ["f1-base", "f1-hflip"]
    assert ann_folders(tmp_path) == folders[2:]
    assert remove_ann(str(tmp_path)) == ["f2-base"]
    assert not (tmp_path / "ann").exists()
    assert remove_ann(tmp_path) == []


def test_a_file_that_cannot_be_deleted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = saved(tmp_path)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StoreError, match=r"f1-base cannot be deleted \(Permission denied\)"):
        remove_ann(tmp_path)
    assert load_ann(folder) is None
