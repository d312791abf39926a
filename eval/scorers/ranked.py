"""Queries against a gallery: where their positives stand, exclusions left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np

from eval.metrics.ranking import Placed, place_positives
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64

Blocks: TypeAlias = Callable[[Float32, Float32], Iterator[tuple[int, Float32]]]
"""Vectors of queries (n, d) and gallery (m, d) to (first query, scores (rows, m)), block after block; each block may be
written into and lives until the next one."""

_NO_ROWS = np.empty(0, np.int64)


class Side(NamedTuple):
    """Queries or gallery: ``vectors`` (n, d), ``identity`` (n,) codes; ``camera``, ``group`` (n,) codes or None.

    Identity -1 is unknown: such a gallery entry is a distractor, such a query has no positive. Group -1 is none.
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
    camera (Market-1501's rule), those of the query's group, and the query itself. Memory is one block of scores;
    sorting releases the interpreter lock, so rows of a block are shared among threads. The result does not depend on
    how many there are.

    Args:
        queries: what is asked.
        gallery: what is ranked; the order of its rows is that of ``stable`` ties.
        blocks: where the scores come from.
    """
    finder = _Finder(queries, gallery)
    placed = [Placed(_NO_ROWS, _NO_ROWS, _NO_ROWS)] * len(queries.vectors)
    positives = np.zeros(len(queries.vectors), np.int64)

    def rank_rows(start: int, scores: Float32, rows: Sequence[int]) -> None:
        for row in rows:
            valid, junk, positives[start + row] = finder(start + row)
            if len(valid):
                scores[row, junk] = -np.inf
                placed[start + row] = place_positives(scores[row], valid)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start, scores in blocks(queries.vectors, gallery.vectors):
            shares = [range(first, len(scores), workers) for first in range(min(workers, len(scores)))]
            for done in [pool.submit(rank_rows, start, scores, share) for share in shares]:
                done.result()
    return Ranked(placed, positives)


class _Finder:
    """Gallery rows of a query: its valid positives and its junk, both ascending, and how many positives it has."""

    def __init__(self, queries: Side, gallery: Side) -> None:
        self._same_identity = _Matches(queries.identity, gallery.identity)
        self._same_camera = _pair(queries.camera, gallery.camera)
        group, sample = _pair(queries.group, gallery.group), _pair(queries.sample, gallery.sample)
        self._same_group = group and _Matches(*group)
        self._itself = sample and _Matches(*sample)

    def __call__(self, query: int) -> tuple[Int64, Int64, int]:
        same = self._same_identity(query)
        itself = self._itself(query) if self._itself else _NO_ROWS
        junk = itself
        if self._same_camera:
            camera, cameras = self._same_camera
            junk = np.union1d(junk, same[cameras[same] == camera[query]])
        if self._same_group:
            junk = np.union1d(junk, self._same_group(query))
        if not len(junk):
            return same, junk, len(same)
        valid = same[~np.isin(same, junk)]
        return valid, junk, len(same) - int(np.isin(itself, same).sum())


class _Matches:
    """Rows of the gallery with a query's code, ascending; code -1 matches nothing."""

    def __init__(self, wanted: Int64, codes: Int64) -> None:
        self._order = np.argsort(codes, kind="stable")
        ordered = codes[self._order]
        self._first = np.searchsorted(ordered, wanted, side="left")
        self._last = np.searchsorted(ordered, wanted, side="right")
        self._last[wanted < 0] = self._first[wanted < 0]

    def __call__(self, query: int) -> Int64:
        rows: Int64 = self._order[self._first[query] : self._last[query]]
        return rows


def _pair(queries: Int64 | None, gallery: Int64 | None) -> tuple[Int64, Int64] | None:
    return None if queries is None or gallery is None else (queries, gallery)
