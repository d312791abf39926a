from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from retrieval.encoders.cache_files import cache_file
from retrieval.encoders.digests import DIGESTS, file_digest
from retrieval.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_file(DIGESTS)


def test_a_digest_is_sha256_and_remembered(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "w.bin"
    file.write_bytes(b"one")
    assert file_digest(file) == hashlib.sha256(b"one").hexdigest()
    (key,) = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: "remembered"}))
    assert file_digest(file) == "remembered"


def test_a_changed_file_is_hashed_again_and_its_old_entry_dropped(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "w.bin"
    file.write_bytes(b"one")
    file_digest(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert file_digest(file) == hashlib.sha256(b"two").hexdigest()
    assert len(json.loads(cache.read_text())) == 1


@pytest.mark.parametrize("content", ["", "{not json", "[1, 2]"])
def test_a_damaged_cache_does_no_harm(tmp_path: Path, cache: Path, content: str) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    file = tmp_path / "w.bin"
    file.write_bytes(b"x")
    assert file_digest(file) == hashlib.sha256(b"x").hexdigest()


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "plain"))
    file = tmp_path / "w.bin"
    file.write_bytes(b"x")
    assert file_digest(file) == hashlib.sha256(b"x").hexdigest()


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.pt"):
        file_digest(tmp_path / "gone.pt")
    with pytest.raises(InputError, match="cannot be read"):
        file_digest(tmp_path)
