"""Columns of samples, in the order of the data, as protocols read them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from retrieval.types import Int64

_BLOCK = 65_536
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Pool:
    """A table of samples in the order of the data: by source, then by position in it.

    ``ids`` (n,) are different sample ids; ``columns`` name -> (n,) values, None where unknown. Draws and ties depend on
    the order of the rows, never on ids, which are hashes of names.
    """

    ids: NDArray[np.str_]
    columns: Mapping[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, mask: NDArray[np.bool_]) -> Pool:
        """Select the samples where ``mask`` (n,) is True; all of them are the table itself."""
        if mask.all():
            return self
        return Pool(self.ids[mask], {name: values[mask] for name, values in self.columns.items()})

    def rows(self, samples: NDArray[np.str_]) -> Int64:
        """Rows (m,) of samples (m,) by their ids, -1 where the table has no such sample."""
        return rows_of_ids(self.ids, samples)

    def mask(self, samples: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Whether each sample (n,) is one of ``samples`` (m,)."""
        rows = self.rows(samples)
        mask = np.zeros(len(self), np.bool_)
        mask[rows[rows >= 0]] = True
        return mask

    def among(self, column: str, *values: Any) -> NDArray[np.bool_]:
        """Whether each sample has one of these values in a column: (n,)."""
        return np.fromiter((value in values for value in self.columns[column]), np.bool_, len(self))

    def known(self, column: str) -> NDArray[np.bool_]:
        """Whether each sample has a value in a column: (n,)."""
        return np.fromiter((value is not None for value in self.columns[column]), np.bool_, len(self))

    def values(self, column: str) -> list[Any]:
        """The distinct known values of a column, sorted."""
        return sorted({value for value in self.columns[column] if value is not None})


def rows_of_ids(ids: NDArray[np.str_], samples: NDArray[np.str_]) -> Int64:
    """Find ``samples`` (m,) among different ``ids`` (n,): their rows (m,), -1 for those that are not there."""
    rows = np.full(len(samples), -1, np.int64)
    if not len(ids):
        return rows
    width = max(ids.dtype.itemsize, samples.dtype.itemsize) // 4
    hashes = _hashes(ids, width)
    order = np.argsort(hashes)
    hashes = hashes[order]
    if (hashes[1:] == hashes[:-1]).any():  # two ids have one hash
        return _rows_in_order(ids, samples)
    for start in range(0, len(samples), _BLOCK):
        block = samples[start : start + _BLOCK]
        at = order[np.minimum(np.searchsorted(hashes, _hashes(block, width)), len(ids) - 1)]
        rows[start : start + _BLOCK] = np.where(ids[at] == block, at, -1)
    return rows


def _rows_in_order(ids: NDArray[np.str_], samples: NDArray[np.str_]) -> Int64:
    """Do the same by the order of the ids, which takes longer."""
    order = np.argsort(ids)
    rows = order[np.minimum(np.searchsorted(ids, samples, sorter=order), len(ids) - 1)]
    return np.where(ids[rows] == samples, rows, -1).astype(np.int64)


def _hashes(texts: NDArray[np.str_], width: int) -> NDArray[np.uint64]:
    """Hash texts (n,), padded to ``width`` characters: Horner's rule modulo 2^64 over their code points."""
    hashes = np.zeros(len(texts), np.uint64)
    for start in range(0, len(texts), _BLOCK):
        block = np.ascontiguousarray(texts[start : start + _BLOCK], f"U{width}").view(np.uint32).reshape(-1, width)
        part = hashes[start : start + _BLOCK]
        for column in block.T:
            part *= _MULTIPLIER
            part += column
    return hashes


def shared_rows(values: Iterable[object]) -> list[list[int]]:
    """List the rows of every value that several rows have, None aside, in order of the first row.

    Values are compared only where their hashes are equal, so that no dictionary of all of them is made.
    """
    listed = values if isinstance(values, np.ndarray) else list(values)
    hashes = np.fromiter(map(hash, listed), np.int64, len(listed))
    order = np.argsort(hashes)
    equal = hashes[order[1:]] == hashes[order[:-1]]
    repeated = np.zeros(len(listed), np.bool_)
    repeated[order[1:][equal]] = repeated[order[:-1][equal]] = True
    rows: dict[object, list[int]] = defaultdict(list)
    for row in np.flatnonzero(repeated).tolist():
        if listed[row] is not None:
            rows[listed[row]].append(row)
    return [same for same in rows.values() if len(same) > 1]


def text_codes(values: NDArray[np.object_]) -> tuple[Int64, list[str]]:
    """Number texts in sorted order: codes (n,), -1 for None, and the texts by code."""
    texts = [value if value is None else str(value) for value in values.tolist()]
    names = sorted(text for text in set(texts) if text is not None)
    numbers: dict[str | None, int] = {None: -1, **{name: code for code, name in enumerate(names)}}
    return np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts)), names
