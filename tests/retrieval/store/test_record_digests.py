"""Files of banks, split sets and results have digests, whoever wrote them; damaged lines are counted."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import StoreError
from retrieval.store import digests, record_digests
from retrieval.store.open import create_store
from retrieval.store.record_digests import RECORD_DIGESTS, add_digests, read_digests
from retrieval.store.verify import verify_store
from retrieval.types import Bank
from tests.support.file_digests import flip
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore


def bank(name: str, seed: int = 0) -> Bank:
    classes = np.array(["x", "y"])
    return Bank(name, "0" * 32, "import:x", unit(2, seed=seed).vectors, np.arange(2), classes, kind="prototypes")


def details(store: LanceStore) -> dict[str, str]:
    return {finding.check: finding.detail for finding in verify_store(store)}


def test_every_file_of_the_newest_version_has_a_digest(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    for name in ("one", "two"):
        store.save_bank(bank(name))
    assert details(store)["banks"] == "2 rows, all as they were stored"
    lines = (tmp_path / "s" / RECORD_DIGESTS).read_bytes()
    store.save_bank(bank("two"))  # nothing new
    assert (tmp_path / "s" / RECORD_DIGESTS).read_bytes() == lines


def test_a_name_that_no_hash_covers_is_checked_all_the_same(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    store.save_bank(bank("the name of the bank"))
    (data,) = (tmp_path / "s" / "banks.lance" / "data").iterdir()
    flip(data, data.read_bytes().index(b"the name of the bank") + 3)
    with pytest.raises(StoreError, match="is not as it was written"):
        store.banks()
    assert "is not as it was written" in details(store)["file of banks"]


def test_files_without_a_digest_are_counted_until_the_next_save(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    before = (tmp_path / "s" / RECORD_DIGESTS).read_bytes()
    store.save_bank(bank("one"))
    (tmp_path / "s" / RECORD_DIGESTS).write_bytes(before)  # as if the run had been killed
    assert details(store)["banks"] == "1 rows, all as they were stored; 2 files without a digest"
    store.save_bank(bank("two"))
    assert details(store)["banks"] == "2 rows, all as they were stored"


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    store.save_bank(bank("one"))
    file = tmp_path / "s" / RECORD_DIGESTS
    for byte in (1, 40, -2, -1):
        whole = file.read_bytes()
        flip(file, byte, 1)
        assert read_digests(tmp_path / "s")[1] == 1
        assert "lines are not as they were written" in details(store)[RECORD_DIGESTS]
        file.write_bytes(whole)


def test_a_table_that_nobody_wrote_since_has_its_digests(tmp_path: Path) -> None:
    store = create_store(tmp_path / "s")
    with store.writer():
        pass
    before, _ = read_digests(tmp_path / "s")
    assert set(before) == {"banks", "splits", "results", "commits"}
    with store.snapshot() as snapshot:
        add_digests(snapshot.tables, "banks")
    assert read_digests(tmp_path / "s") == (before, 0)


def test_digests_of_files_that_are_gone_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_digests, "MANY_LINES", 6)
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    file = tmp_path / "s" / RECORD_DIGESTS
    for at in range(4):
        store.save_bank(bank(f"bank {at}"))
    assert file.read_bytes().count(b"\n") <= 6
    assert all(not finding.wrong for finding in verify_store(store))
    assert details(store)["banks"] == "4 rows, all as they were stored"


def test_half_a_line_of_a_killed_run_does_not_swallow_the_next(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    with (tmp_path / "s" / RECORD_DIGESTS).open("ab") as handle:
        handle.write(b'{"table": "ban')
    store.save_bank(bank("one"))
    read, damaged = read_digests(tmp_path / "s")
    assert (len(read["banks"]), damaged) == (3, 1)
    store.repair()
    assert read_digests(tmp_path / "s")[1] == 0
    assert details(store)["banks"] == "1 rows, all as they were stored"


def test_a_full_disk_loses_a_digest_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    with monkeypatch.context() as patch:
        patch.setattr(record_digests, "_append_line", full)
        store.save_bank(bank("one"))
        with store.writer() as writer:
            writer.replace_failures("s", {"x.jpg": "no image"})
            writer.commit("a commit")
    assert details(store)["banks"] == "1 rows, all as they were stored; 2 files without a digest"
    assert all(not finding.wrong for finding in verify_store(store))


def test_a_file_that_nobody_may_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = store_with(tmp_path / "s", ["a"], unit(1))
    real = digests.file_sha256

    def denied(path: Path) -> str:
        if "samples.lance/data" in path.as_posix():
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(digests, "file_sha256", denied)
    monkeypatch.setattr(digests.FileCheck, "_sound", set())
    with (
        store.snapshot() as snapshot,
        pytest.raises(StoreError, match=r"cannot be read \(Permission denied\); make it"),
    ):
        snapshot.samples()
    assert "make it readable, or restore it" in details(store)["file of samples"]
    store.repair()
    monkeypatch.undo()
    with store.snapshot() as snapshot:
        assert snapshot.samples().num_rows == 1
