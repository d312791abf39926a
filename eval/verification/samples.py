"""The samples of a verification: who is on them, and which of them are compared in a draw."""

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
    """Rows of one draw without junk: the queries, those of a ``known`` identity, and the gallery."""

    query: Int64
    known: Int64
    gallery: Int64


class PairSamples:
    """All samples of an evaluation, its draws, and the codes of identities.

    A pair is genuine where all identity columns agree (``codes``); the bootstrap resamples people (``units``).
    """

    def __init__(self, arrays: RelatedArrays, views: Sequence[str]) -> None:
        related = arrays.relations
        self.ids = arrays.ids
        self._vectors: Float32 = combine_views([arrays.vectors[view] for view in views])
        self._ignored, self._camera = related.ignored, related.camera
        self.person, self._people = related.unit, related.names
        self.codes, self.texts = related.identity, related.texts
        rows = tested_rows(arrays)
        found, people = np.unique(self.codes[rows]), np.unique(self.person[rows])
        self._tested, self._tested_people = found[found >= 0], people[people >= 0]
        self.parts = {part: [self._draw(draw) for draw in draws] for part, draws in arrays.parts.items()}

    @property
    def has_cameras(self) -> bool:
        """Whether pairs of one identity and camera are left out."""
        return self._camera is not None

    @property
    def people(self) -> int:
        """How many identities the test has."""
        return len(self._tested_people)

    def names(self) -> list[str]:
        """Identities of the test."""
        return [self._people[code] for code in self._tested_people]

    def is_tested(self, rows: Int64) -> NDArray[np.bool_]:
        """Whether some draw tests the person on these samples (n,)."""
        return np.isin(self.person[rows], self._tested_people)

    def named(self, rows: Int64) -> Int64:
        """Those of the rows that have an identity."""
        return rows[self.codes[rows] >= 0]

    def side(self, rows: Int64) -> Side:
        """Vectors of tested samples, and which of them show the same."""
        codes = self.codes[rows]
        same = np.where(codes < 0, FIXED, np.searchsorted(self._tested, codes)).astype(np.int64)
        return Side(self._vectors[rows], same, self._cameras(rows), sample=rows)

    def untested_side(self, rows: Int64) -> Side:
        """Vectors of samples of other people, with codes of their own."""
        return Side(self._vectors[rows], self.codes[rows], self._cameras(rows))

    def units(self, rows: Int64) -> Int64:
        """What the bootstrap resamples: the person, whatever else tells identities apart."""
        people = self.person[rows]
        return np.where(people < 0, FIXED, np.searchsorted(self._tested_people, people)).astype(np.int64)

    def _cameras(self, rows: Int64) -> Int64 | None:
        return None if self._camera is None else self._camera[rows]

    def _draw(self, draw: Draw) -> PairDraw:
        query, gallery = (draw[role][~self._ignored[draw[role]]] for role in ("query", "gallery"))
        return PairDraw(query, self.named(query), gallery)
