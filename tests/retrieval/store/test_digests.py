"""A commit carries a digest of every file it refers to; what was digested before is not read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.store import digests
from retrieval.store.schema import vectors_table
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_only_new_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.snapshot() as snapshot:
        before = snapshot.commit.files
    real, read = digests.file_sha256, []

    def counted(path: Path) -> str:
        read.append(path.relative_to(tmp_path / "s").as_posix())
        return real(path)

    monkeypatch.setattr(digests, "file_sha256", counted)
    with store.writer() as writer:
        writer.append_vectors(space, [key("c")], {"base": unit(1)})
        writer.append_samples(rows(["c"]))
        writer.commit("one more")
    with store.snapshot() as snapshot:
        after = snapshot.commit.files
    table = vectors_table(space.fingerprint)
    assert after["spaces"] == before["spaces"]
    assert set(before[table]) - set(after[table]) == {name for name in before[table] if name.startswith("_versions")}
    fresh = {f"{name}.lance/{path}" for name in after for path in after[name] if path not in before[name]}
    assert sorted(path for path in read if not path.startswith("commits.lance")) == sorted(fresh)
    assert len(fresh) == 4  # data and manifest of samples and of vectors


def test_every_pinned_table_has_digests_of_what_it_is_made_of(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.snapshot() as snapshot:
        commit = snapshot.commit
    assert set(commit.files) == set(commit.tables)
    for name, paths in commit.files.items():
        folder = tmp_path / "s" / f"{name}.lance"
        assert sum(path.startswith("_versions/") for path in paths) == 1
        assert all(digests.file_sha256(folder / path) == sha256 for path, sha256 in paths.items())
