"""Rank a gallery for every query, and give the ranks of the positives, junk left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from eval.metrics.ranking import RankTable, positive_ranks
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks: TypeAlias = Callable[[Float32, Float32], Iterator[tuple[int, Float32]]]
"""A function from vectors of queries (n, d) and gallery (m, d) to blocks (first query, scores (rows, m)).

The caller may write into a block; it is valid until the next one."""

CELLS_AT_ONCE = 1 << 22
"""Scores that one thread ranks at a time: few enough that their positives need little memory."""

_NO_COUNTS = np.empty(0, np.int64)


class Side(NamedTuple):
    """Queries or gallery: ``vectors`` (n, d), numbers ``identity`` (n,), ``camera`` and ``group`` (n,) or None.

    Identity -1 is unknown: such a gallery entry is a distractor, such a query has no positive. Camera and group -1 are
    unknown too, and equal to none. ``sample`` (n,) are row numbers, given if a sample may be on both sides: it is not
    compared with itself.
    """

    vectors: Float32
    identity: Int64
    camera: Int64 | None = None
    group: Int64 | None = None
    sample: Int64 | None = None


class GalleryRanking(NamedTuple):
    """Per query: ``ranks`` of its valid positives, and ``positive_counts`` (queries,), junk included."""

    ranks: RankTable
    positive_counts: Int64


def rank_queries(queries: Side, gallery: Side, blocks: Blocks = similarity_blocks) -> GalleryRanking:
    """Rank the gallery for every query; higher scores first.

    Junk has no rank. If both sides have the arrays for it, junk is: gallery entries of the query's identity *and*
    camera (Market-1501's rule), those of the query's group, and the query itself. Memory is one block of scores, whose
    rows are divided among threads, since counting releases the interpreter lock. The result does not depend on the
    number of threads.

    Args:
        queries: the queries.
        gallery: the gallery; the order of its rows is that of ``stable`` ties.
        blocks: computes the scores.
    """
    finder = _RelationFinder(queries, gallery)
    rows = max(1, CELLS_AT_ONCE // max(1, len(gallery.vectors)))

    def rank_rows(start: int, scores: Float32) -> tuple[RankTable, Int64]:
        relations = finder(start, start + len(scores))
        for query, entries in relations.junk:
            scores[query, entries] = -np.inf
        return positive_ranks(scores, relations.valid, relations.bounds), relations.positive_counts

    results = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start, scores in blocks(queries.vectors, gallery.vectors):
            starts = range(0, len(scores), rows)
            # A list, to wait for all threads before the next block overwrites this one.
            results += list(
                pool.map(rank_rows, [start + at for at in starts], [scores[at : at + rows] for at in starts])
            )
    ranks = RankTable.stack([table for table, _ in results])
    return GalleryRanking(ranks, np.concatenate([_NO_COUNTS, *(counts for _, counts in results)]))


class _BlockRelations(NamedTuple):
    """Positives and junk of a block of queries.

    ``valid`` (p,) are gallery rows of positives that are no junk, those of query i from ``bounds[i]`` to
    ``bounds[i + 1]``; ``junk`` are pairs of arrays (queries, gallery rows); ``positive_counts`` (queries,) counts all
    positives except the query itself.
    """

    valid: Int64
    bounds: Int64
    junk: list[tuple[Int64, Int64]]
    positive_counts: Int64


class _RelationFinder:
    """Finds the gallery rows that are positives or junk of the queries from ``first`` to ``last`` - 1."""

    def __init__(self, queries: Side, gallery: Side) -> None:
        self._same_identity = _Matches(queries.identity, gallery.identity)
        self._camera = _pair(queries.camera, gallery.camera)
        group, sample = _pair(queries.group, gallery.group), _pair(queries.sample, gallery.sample)
        self._same_group = group and _Matches(*group)
        self._itself = sample and _Matches(*sample)

    def __call__(self, first: int, last: int) -> _BlockRelations:
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
            query_camera, gallery_camera = self._camera
            camera = query_camera[first:last][query]
            same = (camera >= 0) & (gallery_camera[rows] == camera)
            valid &= ~same
            junk.append((query[same], rows[same]))
        valid &= others
        bounds = np.concatenate([[0], np.cumsum(np.bincount(query[valid], minlength=last - first))])
        return _BlockRelations(rows[valid], bounds, junk, np.bincount(query[others], minlength=last - first))


class _Matches:
    """Gallery rows whose number (identity, camera, ...) is that of a query; -1 matches nothing."""

    def __init__(self, query_numbers: Int64, gallery_numbers: Int64) -> None:
        self._query_numbers, self._gallery_numbers = query_numbers, gallery_numbers
        self._order = np.argsort(gallery_numbers, kind="stable")
        ordered = gallery_numbers[self._order]
        self._first = np.searchsorted(ordered, query_numbers, side="left")
        self._count = np.searchsorted(ordered, query_numbers, side="right") - self._first
        self._count[query_numbers < 0] = 0

    def __call__(self, first: int, last: int) -> tuple[Int64, Int64]:
        """Pairs of (query, counted from ``first``; gallery row), both ascending."""
        counts = self._count[first:last]
        query = np.repeat(np.arange(last - first), counts)
        within = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
        return query, self._order[self._first[first:last][query] + within]

    def holds(self, query: Int64, rows: Int64) -> NDArray[np.bool_]:
        """Whether pairs of query and gallery row match."""
        query_numbers = self._query_numbers[query]
        matches: NDArray[np.bool_] = (query_numbers >= 0) & (query_numbers == self._gallery_numbers[rows])
        return matches


def _pair(queries: Int64 | None, gallery: Int64 | None) -> tuple[Int64, Int64] | None:
    return None if queries is None or gallery is None else (queries, gallery)
