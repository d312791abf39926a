"""Names of rows of files that do not name them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import overload


class NumberedRows(Sequence[str]):
    """Names ``PREFIX/NUMBER``, made when they are read, so that a million of them take no memory.

    >>> list(NumberedRows({"query": 2, "gallery": 1}))
    ['query/0', 'query/1', 'gallery/0']

    Args:
        counts: prefix to its number of rows, in order; each prefix counts from 0.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._prefixes = list(counts)
        self._ends = list(accumulate(counts.values()))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]
        part = bisect_right(self._ends, row)
        return f"{self._prefixes[part]}/{row - (self._ends[part - 1] if part else 0)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
