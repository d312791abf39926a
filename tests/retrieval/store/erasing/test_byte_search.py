"""A search for many strings comes across exactly those that ``bytes.find`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.store.erasing import byte_search
from retrieval.store.erasing.byte_search import ANCHOR, ByteSearch

if TYPE_CHECKING:
    from pathlib import Path


def test_as_find_at_any_place_and_alignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_search, "BLOCK", 64)
    rng = np.random.default_rng(0)
    path = tmp_path / "file"
    for round_number in range(60):
        content = rng.integers(0, 3, size=int(rng.integers(0, 400)), dtype=np.uint8).tobytes()
        strings = {rng.integers(0, 3, size=int(rng.integers(8, 40)), dtype=np.uint8).tobytes() for _ in range(5)}
        for size in (8, 11, 30):
            if len(content) >= size:
                start = int(rng.integers(0, len(content) - size + 1))
                strings.add(content[start : start + size])
        if content:
            strings |= {content[:ANCHOR], content[-ANCHOR:]} if len(content) >= ANCHOR else set()
        path.write_bytes(content)
        assert ByteSearch(strings).search(path) == {text for text in strings if text in content}, round_number


def test_vectors_that_begin_with_zeros(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)
    vectors[:, :40] = 0
    (tmp_path / "file").write_bytes(b"x" + vectors[:10].tobytes() + bytes(1000))
    found = ByteSearch([vector.tobytes() for vector in vectors]).search(tmp_path / "file")
    assert found == {vector.tobytes() for vector in vectors[:10]}


def test_nothing_to_search_for_and_what_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    assert ByteSearch([]).search(tmp_path / "file") == set()
    with pytest.raises(ValueError, match="too short"):
        ByteSearch([b"1234567"])
