"""Columns of samples, in the order of the data, as protocols read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from retrieval.types import Int64


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
        """Select the samples where ``mask`` (n,) is True."""
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
    if not len(ids):
        return np.full(len(samples), -1, np.int64)
    order = np.argsort(ids)
    rows = order[np.minimum(np.searchsorted(ids, samples, sorter=order), len(ids) - 1)]
    return np.where(ids[rows] == samples, rows, -1).astype(np.int64)


def text_codes(values: NDArray[np.object_]) -> tuple[Int64, list[str]]:
    """Number texts in sorted order: codes (n,), -1 for None, and the texts by code."""
    names = sorted({str(value) for value in values if value is not None})
    numbers = {name: code for code, name in enumerate(names)}
    return np.array([-1 if value is None else numbers[str(value)] for value in values], np.int64), names
