"""Flip random bits in all files of a store: does verify name each that changes what is read, does eval ever misread."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.support.bit_flips import breaks_a_promise, flip_bits, make_store

TIMES, SEED = 200, 0


def main(times: int = TIMES, seed: int = SEED) -> None:
    """Print a line per place, and every flip that breaks a promise."""
    with tempfile.TemporaryDirectory() as name:
        make_store(Path(name) / "s")
        flips = flip_bits(Path(name) / "s", Path(name), times, seed)
    counts: dict[str, Counter[str]] = {}
    for flip in flips:
        counter = counts.setdefault(flip.place, Counter())
        counter.update(flips=1, content=not flip.content, named=flip.named)
        counter.update([flip.numbers if flip.numbers in {"same", "different"} else "refused"])
    print(f"{'place':28s}{'flips':>7s}{'changes rows':>14s}{'named':>7s}{'eval same':>11s}{'refused':>9s}{'other':>7s}")
    for place, counter in sorted(counts.items()):
        print(f"{place:28s}{counter['flips']:7d}{counter['content']:14d}{counter['named']:7d}{counter['same']:11d}"
              f"{counter['refused']:9d}{counter['different']:7d}")  # fmt: skip
    broken = [flip for flip in flips if breaks_a_promise(flip)]
    print(f"{len(flips)} flips, {sum(flip.named for flip in flips)} named, {len(broken)} break a promise")
    for flip in broken:
        print(flip)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
