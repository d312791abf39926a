"""The samples of a verification: their identities, and which of them are compared in a draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.ranking.identities import tested_rows
from eval.ranking.rank_gallery import Side
from eval.scorers.similarity import combine_views
from eval.statistics.pair_bootstrap import FIXED
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.mode import Draw, RelatedArrays


class PairDraw(NamedTuple):
    """Rows of one draw without junk: queries, queries of a known identity (``identified``), and gallery."""

    query: Int64
    identified: Int64
    gallery: Int64


class PairSamples:
    """All samples of an evaluation, its draws, and numbers for their identities.

    A pair is genuine if all identity columns agree: if its samples have one number in ``identity``. The bootstrap
    resamples values of the column identity: numbers in ``unit``. -1 is unknown in both.
    """

    def __init__(self, arrays: RelatedArrays, views: Sequence[str]) -> None:
        related = arrays.relations
        self.ids = arrays.ids
        self._vectors: Float32 = combine_views([arrays.vectors[view] for view in views])
        self._ignored, self._camera = related.ignored, related.camera
        self.unit, self._unit_names = related.unit, related.names
        self.identity, self.identity_names = related.identity, related.texts
        rows = tested_rows(arrays)
        identities, units = np.unique(self.identity[rows]), np.unique(self.unit[rows])
        self._tested_identities, self._tested_units = identities[identities >= 0], units[units >= 0]
        self.parts = {part: [self._draw(draw) for draw in draws] for part, draws in arrays.parts.items()}

    @property
    def has_cameras(self) -> bool:
        """Whether pairs of one identity and camera are left out."""
        return self._camera is not None

    @property
    def n_units(self) -> int:
        """Number of units that are tested."""
        return len(self._tested_units)

    def names(self) -> list[str]:
        """Names of the units that are tested."""
        return [self._unit_names[unit] for unit in self._tested_units]

    def is_tested(self, rows: Int64) -> NDArray[np.bool_]:
        """Whether the unit of each row (n,) is tested in some draw."""
        return np.isin(self.unit[rows], self._tested_units)

    def with_identity(self, rows: Int64) -> Int64:
        """Select the rows whose identity is known."""
        return rows[self.identity[rows] >= 0]

    def side(self, rows: Int64) -> Side:
        """Vectors of tested samples, with identities numbered among the tested ones."""
        identity = self.identity[rows]
        number = np.where(identity < 0, FIXED, np.searchsorted(self._tested_identities, identity)).astype(np.int64)
        return Side(self._vectors[rows], number, self._cameras(rows), sample=rows)

    def untested_side(self, rows: Int64) -> Side:
        """Vectors of samples that are not tested, with their identities."""
        return Side(self._vectors[rows], self.identity[rows], self._cameras(rows))

    def units(self, rows: Int64) -> Int64:
        """Units (n,) of tested samples, numbered from 0; :data:`FIXED` if unknown."""
        unit = self.unit[rows]
        return np.where(unit < 0, FIXED, np.searchsorted(self._tested_units, unit)).astype(np.int64)

    def _cameras(self, rows: Int64) -> Int64 | None:
        return None if self._camera is None else self._camera[rows]

    def _draw(self, draw: Draw) -> PairDraw:
        query, gallery = (draw[role][~self._ignored[draw[role]]] for role in ("query", "gallery"))
        return PairDraw(query, self.with_identity(query), gallery)
