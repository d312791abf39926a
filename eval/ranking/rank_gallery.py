"""Queries against a gallery: where their positives stand, exclusions left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from eval.metrics.ranking import Placed, place_rows
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks: TypeAlias = Callable[[Float32, Float32], Iterator[tuple[int, Float32]]]
"""Vectors of queries (n, d) and gallery (m, d) to (first query, scores (rows, m)), block after block; each block may be
written into and lives until the next one."""

CELLS_AT_ONCE = 1 << 20
"""Scores that one thread ranks at a time: few enough that knowing all their positives costs little."""

_NONE = np.empty(0, np.int64)


class Side(NamedTuple):
    """Queries or gallery: ``vectors`` (n, d), ``identity`` (n,) codes; ``camera``, ``group`` (n,) codes or None.

    Identity -1 is unknown: such a gallery entry is a distractor, such a query has no positive. Camera and
    group -1 are none.
    ``sample`` (n,) row numbers, where a sample may be on both sides: nothing is compared with itself.
    """

    vectors: Float32
    identity: Int64
    camera: Int64 | None = None
    group: Int64 | None = None
    sample: Int64 | None = None


class Ranked(NamedTuple):
    """Per query: where its positives stand (maybe none), and how many ``positives`` it had before junk."""

    placed: list[Placed]
    positives: Int64

    @property
    def ranks(self) -> list[Int64]:
        """Stable ranks of every query's positives."""
        return [placed.ranks for placed in self.placed]


def rank_queries(queries: Side, gallery: Side, blocks: Blocks = similarity_blocks) -> Ranked:
    """Rank the gallery for every query; higher scores first.

    Junk takes no place in a ranking. It is, where both sides say so: gallery entries of the query's identity *and*
    camera (Market-1501's rule), those of the query's group, and the query itself. Memory is one block of scores, and
    what is found about a few rows of it; those are shared among threads, since sorting releases the interpreter lock.
    The result does not depend on how many threads there are.

    Args:
        queries: what is asked.
        gallery: what is ranked; the order of its rows is that of ``stable`` ties.
        blocks: where the scores come from.
    """
    finder = _Finder(queries, gallery)
    rows = max(1, CELLS_AT_ONCE // max(1, len(gallery.vectors)))

    def rank_rows(start: int, scores: Float32) -> tuple[list[Placed], Int64]:
        found = finder(start, start + len(scores))
        for query, entries in found.junk:
            scores[query, entries] = -np.inf
        return place_rows(scores, found.valid, found.bounds), found.positives

    done = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start, scores in blocks(queries.vectors, gallery.vectors):
            starts = range(0, len(scores), rows)
            # The list waits for all: the block is written over after this.
            done += list(pool.map(rank_rows, [start + at for at in starts], [scores[at : at + rows] for at in starts]))
    placed = [each for part, _ in done for each in part]
    return Ranked(placed, np.concatenate([_NONE, *(positives for _, positives in done)]))


class _Found(NamedTuple):
    """What is known of some queries.

    ``valid`` positives (p,), one query after the other: those of query i from ``bounds[i]`` to ``bounds[i + 1]``;
    ``junk``, several pairs of (queries, gallery rows); how many ``positives`` (queries,) each has beside itself.
    """

    valid: Int64
    bounds: Int64
    junk: list[tuple[Int64, Int64]]
    positives: Int64


class _Finder:
    """Finds the gallery rows that are positives or junk of the queries from one number to another."""

    def __init__(self, queries: Side, gallery: Side) -> None:
        self._same_identity = _Matches(queries.identity, gallery.identity)
        self._camera = _pair(queries.camera, gallery.camera)
        group, sample = _pair(queries.group, gallery.group), _pair(queries.sample, gallery.sample)
        self._same_group = group and _Matches(*group)
        self._itself = sample and _Matches(*sample)

    def __call__(self, first: int, last: int) -> _Found:
        query, rows = self._same_identity(first, last)
        others, valid = np.ones((2, len(rows)), np.bool_)
        junk = []
        if self._itself:
            others &= ~self._itself.holds(query + first, rows)
            junk.append(self._itself(first, last))
        if self._same_group:
            valid &= ~self._same_group.holds(query + first, rows)
            junk.append(self._same_group(first, last))
        if self._camera:
            asked, known = self._camera
            camera = asked[first:last][query]
            same = (camera >= 0) & (known[rows] == camera)
            valid &= ~same
            junk.append((query[same], rows[same]))
        valid &= others
        bounds = np.concatenate([[0], np.cumsum(np.bincount(query[valid], minlength=last - first))])
        return _Found(rows[valid], bounds, junk, np.bincount(query[others], minlength=last - first))


class _Matches:
    """Rows of the gallery with a query's code; code -1 matches nothing."""

    def __init__(self, wanted: Int64, codes: Int64) -> None:
        self._wanted, self._codes = wanted, codes
        self._order = np.argsort(codes, kind="stable")
        ordered = codes[self._order]
        self._first = np.searchsorted(ordered, wanted, side="left")
        self._count = np.searchsorted(ordered, wanted, side="right") - self._first
        self._count[wanted < 0] = 0

    def __call__(self, first: int, last: int) -> tuple[Int64, Int64]:
        """Pairs of (query, counted from ``first``; gallery row), both ascending."""
        counts = self._count[first:last]
        query = np.repeat(np.arange(last - first), counts)
        within = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
        return query, self._order[self._first[first:last][query] + within]

    def holds(self, query: Int64, rows: Int64) -> NDArray[np.bool_]:
        """Whether pairs of query and gallery row match."""
        wanted = self._wanted[query]
        matches: NDArray[np.bool_] = (wanted >= 0) & (wanted == self._codes[rows])
        return matches


def _pair(queries: Int64 | None, gallery: Int64 | None) -> tuple[Int64, Int64] | None:
    return None if queries is None or gallery is None else (queries, gallery)
