"""Inner products of queries with the rows of a matrix, block by block, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from retrieval.types import Float32, Int64

BLOCK_SCORES = 1 << 22
"""Largest number of scores in a block, 16 MB."""

BLOCK_ROWS = 16_384
"""Largest number of rows in a block."""

FEW = 4
"""Up to this many queries are multiplied one by one: a matrix product reads rows no faster, and its threads wait for
each other, which takes several times as long where other processes run."""

# Multiplying a row takes as long as reading it and about 1 / 16 for each query; copying a row takes 4 times as long.
READ, COPY = 16, 64


def score_blocks(
    queries: Float32, data: Float32, rows: Int64 | None = None, exclude: Sequence[Int64] | None = None
) -> Iterator[tuple[Int64, Float32]]:
    """Yield ascending rows (b,) and their inner products with the queries (b, q), until all rows have been yielded.

    Float32 products round in an order that depends on their shape. The memory of a block is reused for the next one.

    Args:
        queries: (q, d) float32, q at least 1.
        data: (n, d) float32; may be memory-mapped, is never copied as a whole.
        rows: ascending rows; all if None.
        exclude: per query, rows whose score is -inf.
    """
    size = max(1, min(BLOCK_ROWS, BLOCK_SCORES // len(queries)))
    excluded = None if exclude is None else _ExcludedPairs(exclude)
    buffer = np.empty((0, len(queries)), np.float32)
    for start in range(0, len(data) if rows is None else len(rows), size):
        block = np.arange(start, min(start + size, len(data))) if rows is None else rows[start : start + size]
        first, last = int(block[0]), int(block[-1]) + 1
        dense = (last - first) * (READ + len(queries)) <= len(block) * (READ + COPY + len(queries))
        vectors = data[first:last] if dense else data[block]
        if len(buffer) < len(vectors):
            buffer = np.empty((len(vectors), len(queries)), np.float32)
        scores = _multiply(vectors, queries, buffer[: len(vectors)])
        if len(scores) > len(block):
            scores = scores[block - first]
        if excluded is not None:
            excluded.remove(block, scores)
        yield block, scores


def _multiply(vectors: Float32, queries: Float32, out: Float32) -> Float32:
    """Write the inner products (b, q) of vectors (b, d) and queries (q, d) to ``out``."""
    if len(queries) <= FEW:
        return np.vecdot(vectors[:, None], queries, out=out)
    return np.matmul(vectors, queries.T, out=out)


class _ExcludedPairs:
    """Pairs of a query and a row that is not returned for it, sorted by row."""

    def __init__(self, exclude: Sequence[Int64]) -> None:
        counts = [len(rows) for rows in exclude]
        rows = np.concatenate([np.empty(0, np.int64), *exclude])
        order = np.argsort(rows, kind="stable")
        self._rows, self._queries = rows[order], np.repeat(np.arange(len(exclude)), counts)[order]

    def remove(self, rows: Int64, scores: Float32) -> None:
        """Set the scores (b, q) of the excluded among ``rows`` (b,) to -inf."""
        pairs = slice(*np.searchsorted(self._rows, [rows[0], rows[-1] + 1]))
        places = np.searchsorted(rows, self._rows[pairs])
        present = rows[places] == self._rows[pairs]
        scores[places[present], self._queries[pairs][present]] = -np.inf
