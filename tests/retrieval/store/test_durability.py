"""A store after a power cut, and files that killed writers left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import StoreError
from retrieval.store import durability
from retrieval.store import lance as lance_module
from retrieval.store.commits import read_commit
from retrieval.store.open import create_store, open_store
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.store.open import LanceStore
    from retrieval.types import SpaceInfo


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to name synced files")


class Disk:
    """What is certainly on the disk: files as they were at their last fsync, in folders that were synced since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sizes: dict[Path, int] = {}
        self._entries: set[Path] = set()
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").resolve()
            if path.is_dir():
                self._entries.update(path.iterdir())
            else:
                self._sizes[path] = path.stat().st_size

        monkeypatch.setattr(os, "fsync", fsync)

    def after_power_cut(self, store: Path, copy: Path, *, empty: bool) -> Path:
        """Copy a store without what was not synced; such files are missing, or there and empty."""
        shutil.copytree(store, copy)
        for path in sorted(store.rglob("*")):
            if path.is_file() and not (path in self._entries and self._sizes.get(path) == path.stat().st_size):
                lost = copy / path.relative_to(store)
                lost.write_bytes(b"") if empty else lost.unlink()
        return copy


def add(store: LanceStore, space: SpaceInfo, name: str, *, commit: bool = True) -> None:
    """Add a sample with its vector."""
    with store.writer() as writer:
        writer.append_vectors(space, [key(name)], {"base": unit(1)})
        writer.append_samples(rows([name]))
        if commit:
            writer.commit("more")


def names(store: Path) -> list[str]:
    """Ids of the samples, after the next writer has opened the store."""
    with create_store(store).writer():
        pass
    with open_store(store).snapshot() as snapshot:
        assert len(snapshot.vectors(snapshot.space()).keys) == snapshot.count("samples")
        ids: list[str] = snapshot.samples(["id"]).column("id").to_pylist()
    return ids


@pytest.fixture(params=[False, True], ids=["missing", "empty"])
def empty(request: pytest.FixtureRequest) -> bool:
    """Whether files that were not synced are empty after the power cut instead of missing."""
    return bool(request.param)


@needs_proc
def test_an_acknowledged_commit_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    disk = Disk(monkeypatch)
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    assert names(disk.after_power_cut(tmp_path / "s", tmp_path / "first", empty=empty)) == ["a"]
    for name in "bc":
        add(store, space, name)
        copy = disk.after_power_cut(tmp_path / "s", tmp_path / name, empty=empty)
        with open_store(copy).snapshot() as snapshot:  # a reader needs no writer before it
            assert snapshot.samples(["id"]).column("id").to_pylist()[-1] == name
        assert names(copy)[-1] == name


@needs_proc
def test_changes_before_the_commit_are_gone_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    disk = Disk(monkeypatch)
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    add(store, space, "b", commit=False)
    copy = disk.after_power_cut(tmp_path / "s", tmp_path / "copy", empty=empty)
    assert names(copy) == ["a"]
    add(create_store(copy), space, "b")
    assert names(copy) == ["a", "b"]


@needs_proc
def test_a_record_that_was_not_acknowledged_is_gone_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, empty: bool
) -> None:
    """The power goes between writing the record and forcing it to the disk."""
    disk = Disk(monkeypatch)
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    real = lance_module.LanceTables.sync

    def no_power(self: lance_module.LanceTables, name: str, files: list[str]) -> None:
        if name == "commits":
            raise StoreError("the power is gone")
        real(self, name, files)

    with monkeypatch.context() as patch:
        patch.setattr(lance_module.LanceTables, "sync", no_power)
        with pytest.raises(StoreError, match="power is gone"):
            add(store, space, "b")
    copy = disk.after_power_cut(tmp_path / "s", tmp_path / "copy", empty=empty)
    assert names(copy) == ["a"]


@pytest.mark.parametrize("what", ["_versions/*.manifest", "data/*.lance"])
def test_a_torn_record_is_rolled_back_by_the_next_writer(tmp_path: Path, what: str) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    add(store, space, "b")
    newest = max((tmp_path / "s" / "commits.lance").glob(what), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:20])
    assert names(tmp_path / "s") == ["a"]
    add(create_store(tmp_path / "s"), space, "c")
    assert names(tmp_path / "s") == ["a", "c"]


def test_a_complete_record_that_was_damaged_is_no_torn_one(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    add(store, space, "b")
    for path in (tmp_path / "s" / "commits.lance" / "data").iterdir():
        raw = bytearray(path.read_bytes())
        at = raw.find(b"more")
        if at >= 0:
            raw[at] ^= 1
            path.write_bytes(bytes(raw))
    with pytest.raises(StoreError, match="not as it was written; restore"), create_store(tmp_path / "s").writer():
        pass


def test_one_wrong_byte_at_the_end_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for end, torn in ((b"LANC", False), (b"LANB", False), (b"", True), (b"LA", True), (b"\0\0\0\0", True)):
        path.write_bytes(b"12345678" + end if end else b"")
        assert durability.is_torn(path) is torn


def test_a_torn_manifest_of_an_acknowledged_version_is_kept(tmp_path: Path) -> None:
    """It was cut later, by something else than a power cut; a copy may have it whole."""
    store_with(tmp_path / "s", ["a"], unit(1))
    with open_store(tmp_path / "s").snapshot() as snapshot:
        version = snapshot.commit.tables["samples"]
    newest = min((tmp_path / "s" / "samples.lance" / "_versions").glob("*.manifest"))
    newest.write_bytes(newest.read_bytes()[:10])
    with pytest.raises(StoreError, match="samples"), create_store(tmp_path / "s").writer():
        pass
    assert newest.exists()
    assert durability.NEWEST_FIRST - int(newest.stem) == version


def test_the_next_writer_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    left = [
        tmp_path / "s" / "samples.lance" / "data" / ".tmpAb12",
        tmp_path / "s" / "samples.lance" / "_versions" / "18446744073709551000.manifest#1",
        tmp_path / "s" / "results.lance" / "data" / ".tmpOld",
    ]
    young = tmp_path / "s" / "results.lance" / "data" / ".tmpYoung"  # of an evaluation that still runs
    for path in (*left, young):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    os.utime(left[-1], (0, 0))
    add(store, space, "b")
    assert not any(path.exists() for path in left)
    assert young.exists()


def test_folders_that_cannot_be_synced_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(22, "Invalid argument")

    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "f").write_text("x")
    monkeypatch.setattr(os, "fsync", fsync)
    durability.sync_files(tmp_path / "t", [])
    with pytest.raises(OSError, match="Invalid"):
        durability.sync_files(tmp_path / "t", ["f"])


def test_the_commit_record_is_synced_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All other files of a commit are on the disk before the record is written."""
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    order: list[str] = []
    real, overwrite = lance_module.LanceTables.sync, lance_module.LanceTables.overwrite
    tables = lance_module.LanceTables

    def sync(self: lance_module.LanceTables, name: str, files: list[str]) -> None:
        order.append(name)
        real(self, name, files)

    def overwritten(self: lance_module.LanceTables, name: str, data: pa.Table) -> int:
        order.append("record")
        return overwrite(self, name, data)

    monkeypatch.setattr(tables, "sync", sync)
    monkeypatch.setattr(tables, "overwrite", overwritten)
    add(store, space, "b")
    written = order.index("record")
    assert set(order[:written]) >= {"samples", f"vectors_{space.fingerprint}"}
    assert order[written + 1 :] == ["commits"]
    assert read_commit(tables(str(tmp_path / "s"))).note == "more"
