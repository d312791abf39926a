"""Queries against a gallery: at which ranks their positives stand, exclusions left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np

from eval.metrics.ranking import positive_ranks
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64

Blocks: TypeAlias = Callable[[Float32, Float32], Iterator[tuple[int, Float32]]]
"""Vectors of queries (n, d) and gallery (m, d) to (first query, scores (rows, m)), block after block; each block may be
written into and lives until the next one."""


class Side(NamedTuple):
    """Queries or gallery: ``vectors`` (n, d), ``identity`` (n,) codes, ``camera`` (n,) codes or None.

    Identity -1 is unknown: such a gallery entry is a distractor, such a query has no positive.
    """

    vectors: Float32
    identity: Int64
    camera: Int64 | None = None


class Ranked(NamedTuple):
    """Per query: ``ranks`` of its positives (ascending, may be empty) and how many ``positives`` it had before junk."""

    ranks: list[Int64]
    positives: Int64


def rank_queries(queries: Side, gallery: Side, blocks: Blocks = similarity_blocks) -> Ranked:
    """Rank the gallery for every query, equal scores in order of the gallery.

    Where both sides have cameras, gallery entries of the query's identity *and* camera are junk (Market-1501's rule):
    they take no place in the ranking. Memory is one block of scores; sorting releases the interpreter lock, so rows
    of a block are shared among threads. The result does not depend on how many there are.
    """
    finder = _PositiveFinder(queries, gallery)
    ranks: list[Int64] = [np.empty(0, np.int64)] * len(queries.vectors)
    positives = np.zeros(len(queries.vectors), np.int64)

    def rank_rows(start: int, scores: Float32, rows: Sequence[int]) -> None:
        for row in rows:
            valid, junk = finder(start + row)
            positives[start + row] = len(valid) + len(junk)
            if len(valid):
                scores[row, junk] = -np.inf
                ranks[start + row] = positive_ranks(scores[row], valid)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start, scores in blocks(queries.vectors, gallery.vectors):
            shares = [range(first, len(scores), workers) for first in range(min(workers, len(scores)))]
            for done in [pool.submit(rank_rows, start, scores, share) for share in shares]:
                done.result()
    return Ranked(ranks, positives)


class _PositiveFinder:
    """Gallery rows of a query's identity, divided into valid ones and junk, both ascending."""

    def __init__(self, queries: Side, gallery: Side) -> None:
        self._order = np.argsort(gallery.identity, kind="stable")
        grouped = gallery.identity[self._order]
        self._first = np.searchsorted(grouped, queries.identity, side="left")
        self._last = np.searchsorted(grouped, queries.identity, side="right")
        self._last[queries.identity < 0] = self._first[queries.identity < 0]
        self._cameras = None
        if queries.camera is not None and gallery.camera is not None:
            self._cameras = (queries.camera, gallery.camera)

    def __call__(self, query: int) -> tuple[Int64, Int64]:
        same = self._order[self._first[query] : self._last[query]]
        if self._cameras is None:
            return same, same[:0]
        junk = self._cameras[1][same] == self._cameras[0][query]
        return same[~junk], same[junk]
