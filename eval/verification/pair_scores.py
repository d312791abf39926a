"""Scores of all pairs of two sides in bounded memory: all genuine, and the largest impostor scores, are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.open_set import BestScores
from eval.metrics.verification import Tally, tally
from eval.scorers.similarity import similarity_blocks
from eval.statistics.pair_bootstrap import FIXED, PairProblem, ScoredPairs
from eval.statistics.pair_summary import PairScores
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.ranking.rank_gallery import Side

EXACT_IMPOSTORS = 1 << 20
"""Number of largest impostor scores that are kept exactly."""

TOP_KEPT = 1 << 14
"""Number of exact impostor scores that the bootstrap uses: of the largest, and of each doubling of rank below."""

SAMPLED = 100_000
"""Number of random pairs that represent the impostors below the exact ones in the bootstrap."""

BINS = 1 << 20
"""Bins of the histogram of impostor scores."""

LIMIT = 1.01
NO_PAIR = np.float32(-LIMIT)
"""Score that marks a place as no impostor pair; cosines of vectors of length one to 1e-3 are within +-:data:`LIMIT`."""

CELLS_AT_ONCE = 1 << 21


class _GenuinePlaces(NamedTuple):
    """Places of equal identity: ``row`` (n,) ascending, ``column`` (n,), ``valid`` (n,), False for junk."""

    row: Int64
    column: Int64
    valid: NDArray[np.bool_]


def score_pairs(
    queries: Side, gallery: Side | None, rng: np.random.Generator, units: tuple[Int64, Int64] | None = None
) -> PairScores:
    """Score every query with every gallery entry, or every two samples of one side once (``gallery`` None).

    Pairs of one identity are genuine; those of one camera, or of one sample, are junk and left out, if both sides have
    cameras, or row numbers. Pairs of two identities are impostor pairs, also those with a gallery entry of unknown
    identity (-1), which is not resampled.

    Args:
        queries: n queries of known identities.
        gallery: m gallery entries, or None.
        rng: draws the sample of impostor pairs for the bootstrap, if there are too many to use all.
        units: (n,) and (m,) units that the bootstrap resamples; None for the identities. Two identities may be of one
            unit, such as the two hands of a person. A pair within one unit has the weight of that unit.
    """
    columns_side = queries if gallery is None else gallery
    same = _same_identity(queries, columns_side)
    genuine = np.zeros(len(same.row), np.float32)
    impostors = _ImpostorScores(len(queries.vectors), len(columns_side.vectors), rng)
    for start, scores in similarity_blocks(queries.vectors, columns_side.vectors):
        first, last = np.searchsorted(same.row, [start, start + len(scores)])
        places = same.row[first:last] - start, same.column[first:last]
        genuine[first:last] = scores[places]
        scores[places] = NO_PAIR
        if gallery is None:
            for row, line in enumerate(scores):
                line[: start + row] = NO_PAIR
        impostors.add(start, scores)
    kept = same.valid if gallery is not None else same.valid & (same.row < same.column)
    rows, columns = (queries.identity, columns_side.identity) if units is None else units
    first_units = rows[same.row[kept]]
    exact = genuine[kept].astype(np.float64)
    matched = ScoredPairs(exact, first_units, np.full(len(first_units), FIXED), np.ones(len(first_units)))
    return PairScores(tally(exact), impostors.tally(), PairProblem(matched, impostors.pairs(rows, columns)))


def best_scores(queries: Side, gallery: Side) -> BestScores:
    """Find the best score of every query among its mates, and among all other entries; junk is neither."""
    same = _same_identity(queries, gallery)
    best = BestScores(*(np.full(len(queries.vectors), -np.inf, np.float32) for _ in range(2)))
    for start, scores in similarity_blocks(queries.vectors, gallery.vectors):
        rows = slice(start, start + len(scores))
        first, last = np.searchsorted(same.row, [rows.start, rows.stop])
        places = same.row[first:last] - start, same.column[first:last]
        valid = same.valid[first:last]
        np.maximum.at(best.mate, same.row[first:last][valid], scores[places][valid])
        scores[places] = -np.inf
        best.other[rows] = scores.max(axis=1)
    return best


def _same_identity(queries: Side, gallery: Side) -> _GenuinePlaces:
    order = np.argsort(gallery.identity, kind="stable")
    grouped = gallery.identity[order]
    first = np.searchsorted(grouped, queries.identity, side="left")
    sizes = np.where(queries.identity < 0, 0, np.searchsorted(grouped, queries.identity, side="right") - first)
    row = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    column = order[first[row] + within]
    valid = np.ones(len(row), np.bool_)
    if queries.camera is not None and gallery.camera is not None:
        has_camera = queries.camera[row] >= 0  # an unknown camera is not the same as another unknown one
        valid &= ~has_camera | (queries.camera[row] != gallery.camera[column])
    if queries.sample is not None and gallery.sample is not None:
        valid &= queries.sample[row] != gallery.sample[column]
    return _GenuinePlaces(row, column, valid)


class _ImpostorScores:
    """Collects impostor scores block by block."""

    def __init__(self, rows: int, columns: int, rng: np.random.Generator) -> None:
        self._columns = columns
        self._all = rows * columns <= EXACT_IMPOSTORS
        self._total = 0
        self._floor = NO_PAIR
        self._scores: list[Float32] = []
        self._places: list[Int64] = []
        self._pending = 0
        self._bins = np.zeros(BINS, np.int64)
        drawn = np.empty(0, np.int64) if self._all else np.unique(rng.integers(0, rows * columns, SAMPLED))
        self._sample = drawn
        self._sampled = np.full(len(drawn), NO_PAIR)

    def add(self, start: int, scores: Float32) -> None:
        """Add the scores (rows, gallery) of the queries from ``start`` on."""
        flat, offset = scores.reshape(-1), start * self._columns
        for at in range(0, len(flat), CELLS_AT_ONCE):
            self._take(offset + at, flat[at : at + CELLS_AT_ONCE])

    def tally(self) -> Tally:
        """The distribution of all scores: bin centres below the exact scores, then these."""
        self._prune()
        top = tally(self._scores[0])
        if self._all:
            return top
        rest = self._bins - np.bincount(_bin(self._scores[0]), minlength=BINS)
        filled = np.flatnonzero(rest)
        filled = filled[filled > 0]
        centres = np.minimum((filled + 0.5) * (2 * LIMIT / BINS) - LIMIT, float(self._floor))
        return Tally(np.concatenate([centres, top.values]), np.concatenate([rest[filled], top.counts]))

    def pairs(self, rows: Int64, columns: Int64) -> ScoredPairs:
        """Pairs for the bootstrap: all of the largest, fewer of the next, a sample of the rest.

        Args:
            rows: unit of each row of scores.
            columns: unit of each column.
        """
        self._prune()
        order = np.argsort(-self._scores[0], kind="stable")
        ranks, counts = _strata(len(order))
        scores, places = self._scores[0][order[ranks]], self._places[0][order[ranks]]
        rest = (self._sampled > NO_PAIR) & ~np.isin(self._sample, self._places[0])
        if rest.any():
            stands = (self._total - len(order)) / rest.sum()
            scores = np.concatenate([scores, self._sampled[rest]])
            places = np.concatenate([places, self._sample[rest]])
            counts = np.concatenate([counts, np.full(int(rest.sum()), stands)])
        row, column = np.divmod(places, self._columns)
        first, second = rows[row], columns[column]
        return ScoredPairs(scores.astype(np.float64), first, np.where(first == second, FIXED, second), counts)

    def _take(self, offset: int, flat: Float32) -> None:
        above = np.flatnonzero(flat > self._floor)
        self._scores.append(flat[above])
        self._places.append(above + offset)
        self._pending += len(above)
        if self._all:
            return
        counts = np.bincount(_bin(flat), minlength=BINS)
        self._total += len(flat) - int(counts[0])
        self._bins += counts
        first, last = np.searchsorted(self._sample, [offset, offset + len(flat)])
        self._sampled[first:last] = flat[self._sample[first:last] - offset]
        if self._pending > 2 * EXACT_IMPOSTORS:
            self._prune()

    def _prune(self) -> None:
        """Keep the largest scores; of those equal to the smallest of them, any."""
        scores = np.concatenate([*self._scores, np.empty(0, np.float32)])
        places = np.concatenate([*self._places, np.empty(0, np.int64)])
        if len(scores) > EXACT_IMPOSTORS and not self._all:
            best = np.argpartition(scores, -EXACT_IMPOSTORS)[-EXACT_IMPOSTORS:]
            scores, places = scores[best], places[best]
            self._floor = scores.min()
        self._scores, self._places, self._pending = [scores], [places], 0


def _bin(scores: Float32) -> NDArray[np.int32]:
    """Number of the histogram bin; 0 for :data:`NO_PAIR`."""
    return ((scores + np.float32(LIMIT)) * np.float32(BINS / (2 * LIMIT))).astype(np.int32)


def _strata(n: int) -> tuple[Int64, NDArray[np.float64]]:
    """Ranks to keep of n sorted scores, and how many each stands for: all of a few, else evenly per doubling."""
    if n <= SAMPLED:
        return np.arange(n), np.ones(n)
    edges = [0, TOP_KEPT]
    while edges[-1] < n:
        edges.append(min(n, 2 * edges[-1]))
    sizes: list[int] = np.diff(edges).tolist()
    takes = [min(size, TOP_KEPT) for size in sizes]
    ranks = [
        first + (np.arange(take) + 0.5) * size / take for first, size, take in zip(edges, sizes, takes, strict=False)
    ]
    counts = [np.full(take, size / take) for size, take in zip(sizes, takes, strict=True)]
    return np.concatenate(ranks).astype(np.int64), np.concatenate(counts)
