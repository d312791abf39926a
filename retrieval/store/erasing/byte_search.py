"""Search files for many byte strings at one time.

A search for hundreds of vectors and names, one after the other, would read a store of gigabytes hundreds of times. Here
every position of a file is looked up once: four bytes in a table of 65,536 entries, then eight among the strings' own.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANCHOR = 8
"""Bytes of a string by which it is looked up; shorter strings cannot be searched for."""

BLOCK = 1 << 24
"""Bytes that are looked up at one time."""

_MIX = np.uint32(2_654_435_761)  # Knuth's multiplier: spreads words that differ in few bits over the table
_SHIFT = np.uint32(16)


class ByteSearch:
    """Searches files for byte strings of at least :data:`ANCHOR` bytes.

    Args:
        strings: the strings.
    """

    def __init__(self, strings: Collection[bytes]) -> None:
        self._places: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        for string in strings:
            start = _anchor(string)
            self._places[int.from_bytes(string[start : start + ANCHOR], "little")].append((start, string))
        self._anchors = np.array(sorted(self._places), np.uint64)
        self._table = np.zeros(1 << 16, np.bool_)
        self._table[_entries((self._anchors & np.uint64(0xFFFFFFFF)).astype(np.uint32))] = True

    def search(self, path: Path) -> set[bytes]:
        """Return the strings that a file contains."""
        if not len(self._anchors) or path.stat().st_size < ANCHOR:
            return set()
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
            view = memoryview(content)
            try:
                return set(self._matches(view))
            finally:
                view.release()

    def _matches(self, content: memoryview) -> Iterator[bytes]:
        for block in range(0, len(content), BLOCK):
            part = bytes(content[block : block + BLOCK + ANCHOR])  # a string may begin in one block and end in the next
            for shift in range(4):
                for at, anchor in self._candidates(part, shift):
                    for start, string in self._places[anchor]:
                        begin = block + at - start
                        if begin >= 0 and content[begin : begin + len(string)] == string:
                            yield string

    def _candidates(self, part: bytes, shift: int) -> Iterator[tuple[int, int]]:
        """Yield offsets ``shift``, ``shift + 4``, ... at which an anchor stands, and the anchor as a number."""
        if len(part) < shift + ANCHOR:
            return
        words = np.frombuffer(part, np.uint32, (len(part) - shift) // 4, shift)
        at = np.flatnonzero(self._table[_entries(words[:-1])])
        wide = words[at].astype(np.uint64) | (words[at + 1].astype(np.uint64) << np.uint64(32))
        hit = np.isin(wide, self._anchors)
        yield from zip((at[hit] * 4 + shift).tolist(), wide[hit].tolist(), strict=True)


def _entries(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (words * _MIX) >> _SHIFT


def _anchor(string: bytes) -> int:
    """Return where the anchor of a string starts: where most bytes differ, in the middle of several such places.

    A vector may begin with zeros, and paths begin and end alike; what names a file is before its ending.
    """
    if len(string) < ANCHOR:
        raise ValueError(f"a string of {len(string)} bytes is too short to be searched for")
    starts = range(len(string) - ANCHOR + 1)
    distinct = [len(set(string[start : start + ANCHOR])) for start in starts[:256]]
    most = max(distinct)
    best = [start for start, count in enumerate(distinct) if count == most]
    return best[len(best) // 2]
