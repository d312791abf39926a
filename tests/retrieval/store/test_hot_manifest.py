"""The manifest of a cache is read whole or not at all, and every block of its files has a checksum."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.store import hot_manifest
from retrieval.store.hot_manifest import Fragment, Manifest, checksums, damaged_chunks, load_manifest, save_manifest
from tests.support.file_digests import flip

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION, ROWS = 16, (100, 57)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A cache of two fragments with blocks of 1,000 bytes."""
    monkeypatch.setattr(hot_manifest, "BLOCK", 1000)
    rng = np.random.default_rng(0)
    parts = [(rng.bytes(rows * 48), rng.bytes(rows * DIMENSION * 4)) for rows in ROWS]
    fragments = [
        Fragment(str(at), ROWS[at], checksums(keys), checksums(data), (1, 2)) for at, (keys, data) in enumerate(parts)
    ]
    manifest = Manifest("space", "base", "g", DIMENSION, tuple(fragments))
    (tmp_path / manifest.keys_file).write_bytes(b"".join(keys for keys, _ in parts))
    (tmp_path / manifest.data_file).write_bytes(b"".join(data for _, data in parts) + b"of a killed run")
    save_manifest(tmp_path, manifest)
    return manifest


def test_it_is_read_as_it_was_written(tmp_path: Path, cache: Manifest) -> None:
    assert load_manifest(tmp_path) == cache
    assert cache.rows == sum(ROWS)
    assert damaged_chunks(tmp_path, cache) == []
    (tmp_path / "manifest.json").unlink()
    assert load_manifest(tmp_path) is None


def test_any_flipped_bit_is_seen(tmp_path: Path, cache: Manifest) -> None:
    for name in (cache.keys_file, cache.data_file):
        whole = (tmp_path / name).read_bytes()
        for byte in range(0, sum(ROWS) * (48 if name == cache.keys_file else DIMENSION * 4), 97):
            flip(tmp_path / name, byte, byte % 8)
            assert damaged_chunks(tmp_path, cache) == [name]
            (tmp_path / name).write_bytes(whole)
    text = (tmp_path / "manifest.json").read_bytes()
    for byte in range(0, len(text), 7):
        flip(tmp_path / "manifest.json", byte, byte % 8)
        with suppress(ValueError):
            assert load_manifest(tmp_path) in {None, cache}
        (tmp_path / "manifest.json").write_bytes(text)


def test_a_file_that_is_too_short_or_gone_is_damage(tmp_path: Path, cache: Manifest) -> None:
    data = tmp_path / cache.data_file
    data.write_bytes(data.read_bytes()[:-20])
    with pytest.raises(ValueError, match="missing or too short"):
        load_manifest(tmp_path)
    data.unlink()
    with pytest.raises(ValueError, match="missing or too short"):
        load_manifest(tmp_path)


def test_of_a_large_cache_other_blocks_are_drawn_at_each_opening(tmp_path: Path, cache: Manifest) -> None:
    flip(tmp_path / cache.data_file, 2500)
    outcomes = [bool(damaged_chunks(tmp_path, cache, most=3000)) for _ in range(100)]
    assert 10 < sum(outcomes) < 60  # three of eleven blocks
    assert damaged_chunks(tmp_path, cache, most=None) == [cache.data_file]
