"""No flipped bit changes a number without a word. ``python -m tests.bench.bit_flips`` flips 200."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.bit_flips import breaks_a_promise, flip_bits, make_store

if TYPE_CHECKING:
    from pathlib import Path

TIMES = 26
"""Two flips for each table, the cache and the digests."""


def test_every_flip_that_changes_what_is_read_is_named(tmp_path: Path) -> None:
    make_store(tmp_path / "s")
    flips = flip_bits(tmp_path / "s", tmp_path, TIMES, seed=7)
    assert [flip for flip in flips if breaks_a_promise(flip)] == []
    assert sum(flip.named for flip in flips) > TIMES // 4
