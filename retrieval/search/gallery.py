"""The samples that a search can return, and the index over their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError
from retrieval.search.exact import ExactIndex
from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from retrieval.search.approximate import ApproximateIndex

NO_ROWS = np.empty(0, np.int64)

COLUMNS = ("id", "key", "source", "uri", "label", "identity", "aspect", "camera", "group", "split")
"""Columns of the samples of hits."""

ROW = "vector_row"
"""Column with the row of a sample's vector, -1 if it has none."""

FEW = 64
"""Up to this many rows are excluded from the results of an index; to exclude more, a filtered index is made."""

LEAST_SHARE = 10
"""An approximate index is used if at least one in this many of its rows is searched; fewer are compared as fast."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How a query is searched.

    Attributes:
        index: an exact index of rows that contain those searched.
        exclude: rows to exclude from its results.
        remaining: number of remaining rows.
        approximate: an approximate index over all rows, which is tried first.
        gone: rows to exclude from its results, of those in ``searched``.
        searched: (n,) whether a row is in the gallery; None if all are.
    """

    index: ExactIndex
    exclude: Int64
    remaining: int
    approximate: ApproximateIndex | None
    gone: Int64
    searched: NDArray[np.bool_] | None

    def search(self, vectors: Float32, k: int) -> tuple[Neighbors, bool]:
        """Find k rows for each of vectors (q, d); return them, and whether every row was compared."""
        if self.approximate is not None:
            barred = [self.gone] * len(vectors) if len(self.gone) else None
            neighbors = self.approximate.among(vectors, k, barred, self.searched)
            if neighbors is not None:
                return neighbors, False
        return self.index.search(vectors, k, [self.exclude] * len(vectors) if len(self.exclude) else None), True


class Gallery:
    """The searched samples with the rows of their vectors; samples of equal score are ranked in the given order.

    Args:
        samples: ``COLUMNS`` and ``ROW`` of the samples; those without a vector are counted and left out.
        data: (n, d) float32, the vectors of the space.
        index: an approximate index over all of ``data``, which is tried first unless nearly all rows are left out.
        where: the condition that selected the samples, for the message.

    Raises:
        InputError: no sample has a vector.
    """

    def __init__(
        self, samples: pa.Table, data: Float32, index: ApproximateIndex | None = None, where: str | None = None
    ) -> None:
        rows = samples.column(ROW).to_numpy()
        self.without_vector = 0
        if (rows < 0).any():  # samples of other sources, or not yet embedded in this space
            vectorless, samples = samples.filter(rows < 0), samples.filter(rows >= 0)
            sources = set(samples.column("source").unique().to_pylist())
            self.without_vector = sum(source in sources for source in vectorless.column("source").to_pylist())
            rows = rows[rows >= 0]
        if not len(rows):
            reason = f"'{where}' matches nothing with a vector in this space" if where else "the space has no vectors"
            raise InputError(f"Nothing to search: {reason}.")
        self.samples, self._data, self._rows = samples, data, rows
        self._unique, first = np.unique(rows, return_index=True)
        self._approximate = index if len(self._unique) * LEAST_SHARE >= len(data) else None
        self._order = np.full(len(data), len(rows), np.int64)
        self._order[self._unique] = first

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def _by_row(self) -> tuple[Int64, Int64]:
        """Positions of the samples sorted by the row of their vector, and the sorted rows."""
        positions = np.argsort(self._rows, kind="stable")
        return positions, self._rows[positions]

    @cached_property
    def _whole(self) -> ExactIndex:
        """An index of the rows of the gallery."""
        return ExactIndex(self._data, self._order, self._unique)

    @cached_property
    def _searched(self) -> NDArray[np.bool_] | None:
        """Whether each row of ``data`` is in the gallery; None if all are."""
        return None if len(self._unique) == len(self._data) else self._order < len(self)

    def samples_at(self, rows: Int64) -> tuple[Int64, Int64]:
        """Return positions (m,) of the samples with these rows, and of each the index of its row in ``rows``."""
        positions, sorted_rows = self._by_row
        starts, stops = (np.searchsorted(sorted_rows, rows, side=side) for side in ("left", "right"))
        counts = stops - starts
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return positions[np.repeat(starts, counts) + within], np.repeat(np.arange(len(rows)), counts)

    def plan(self, excluded: Iterable[Mapping[str, Any]]) -> SearchPlan:
        """Plan a search that does not return the ``excluded`` samples (mappings with ``id`` and ``ROW``)."""
        rows = list(excluded)
        ids = {row["id"] for row in rows}
        gone, moved = self._without(ids, np.unique([row[ROW] for row in rows])) if rows else (NO_ROWS, {})
        remaining = len(self._unique) - len(gone)
        if len(gone) > FEW:
            index, exclude = self._filtered(moved, self._unique[~np.isin(self._unique, gone)]), NO_ROWS
        else:
            index, exclude = self._filtered(moved, self._unique) if moved else self._whole, gone
        return SearchPlan(index, exclude, remaining, self._approximate, gone, self._searched)

    def _without(self, ids: set[str], rows: Int64) -> tuple[Int64, dict[int, int]]:
        """Split rows of excluded samples.

        Returns:
            The rows that no other sample has; and row -> new sort key of the other rows whose first sample is excluded.
        """
        positions, owners = self.samples_at(rows)
        free = np.array([sample not in ids for sample in self.samples.column("id").take(positions).to_pylist()], bool)
        first = np.full(len(rows), len(self), np.int64)
        np.minimum.at(first, owners[free], positions[free])
        in_gallery = np.isin(np.arange(len(rows)), owners)
        gone = in_gallery & (first == len(self))
        moved = in_gallery & ~gone & (first != self._order[rows])
        return rows[gone], dict(zip(rows[moved].tolist(), first[moved].tolist(), strict=True))

    def _filtered(self, moved: Mapping[int, int], rows: Int64) -> ExactIndex:
        """Make an index over ``rows`` only, with the new sort keys of ``moved`` rows."""
        order = self._order.copy()
        order[list(moved)] = list(moved.values())
        return ExactIndex(self._data, order, rows)
