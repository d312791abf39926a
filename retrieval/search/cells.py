"""Nearest neighbours of many vectors among themselves, in less than quadratic time: an inverted file in plain arrays.

The vectors are divided into cells by spherical k-means over a sample (Sivic and Zisserman, ICCV 2003; Jégou, Douze and
Schmid, PAMI 2011). A vector is compared with the members of the cells whose centres are nearest to it. With n vectors
in about sqrt(n) cells, all neighbours cost about n^1.5 products. Neighbours in other cells are missed, so that whoever
uses this measures the recall beside an exact search, as ``eval/runs/neighbours.py`` does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from retrieval.search.candidates import SPARE, rank_candidates
from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROBED = 24
"""Cells that a vector is compared with, of about the square root of the number of vectors."""

SAMPLE_PER_CELL, ROUNDS = 32, 5
"""Vectors of the k-means per cell, and its iterations."""

RANKED_AT_ONCE = 16_384
"""Rows whose candidates are scored exactly at one time."""

BLOCK_BYTES = 1 << 23
"""Bytes of a block of scores."""


def cell_neighbours(vectors: Float32, k: int, seed: int = 0) -> Neighbors:
    """Find k near other rows of every row; some of the nearest may be missed.

    Args:
        vectors: (n, d) of length one, n > 1.
        k: number of rows.
        seed: seed of the sample and the first centres.

    Returns:
        Neighbors of shape (n, k): best first, equal scores in order of rows; -1 and -inf pad short lists. Scores are
        float64 products rounded to float32, as those of an exact search.
    """
    centres = cell_centres(vectors, round(math.sqrt(len(vectors))), seed)
    probed = _nearest_cells(vectors, centres)
    members = _group(probed[:, 0], len(centres))
    scores = np.full((len(vectors), k + SPARE), -np.inf, np.float32)
    rows = np.full((len(vectors), k + SPARE), -1, np.int64)
    for number in range(probed.shape[1]):
        for queries, cell in zip(_group(probed[:, number], len(centres)), members, strict=True):
            if len(queries) and len(cell):
                _merge(vectors, queries, cell, scores, rows, is_home=number == 0)
    nearest = Neighbors(np.empty((len(vectors), k), np.int64), np.empty((len(vectors), k), np.float32))
    for start in range(0, len(vectors), RANKED_AT_ONCE):
        part = slice(start, start + RANKED_AT_ONCE)
        ranked_rows, ranked_scores = rank_candidates(vectors[part], vectors, rows[part], None)
        nearest.rows[part], nearest.scores[part] = ranked_rows[:, :k], ranked_scores[:, :k]
    return nearest


def cell_centres(vectors: Float32, count: int, seed: int = 0) -> Float32:
    """Find unit centres (count, d) of cells: spherical k-means from random rows.

    Args:
        vectors: (n, d) of length one.
        count: number of cells, from 1 to n.
        seed: seed of the sample and the first centres.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    size = min(len(vectors), count * SAMPLE_PER_CELL)
    sample = vectors[np.sort(rng.choice(len(vectors), size, replace=False))]
    centres = sample[rng.choice(size, count, replace=False)]
    for _ in range(ROUNDS):
        cells = _nearest_cells(sample, centres, 1)[:, 0].astype(np.int64)
        order = np.argsort(cells, kind="stable")
        used, starts = np.unique(cells[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres[used] = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres[used])
    return centres


def _nearest_cells(vectors: Float32, centres: Float32, count: int = PROBED) -> NDArray[np.uint16]:
    """Numbers (n, count) of the nearest centres, the nearest first."""
    count = min(count, len(centres))
    cells = np.empty((len(vectors), count), np.uint16)
    step = max(1, BLOCK_BYTES // (4 * len(centres)))
    for start in range(0, len(vectors), step):
        products = vectors[start : start + step] @ centres.T
        best = np.argpartition(-products, count - 1, axis=1)[:, :count] if count > 1 else products.argmax(1)[:, None]
        order = np.argsort(-np.take_along_axis(products, best, axis=1), axis=1, kind="stable")
        cells[start : start + step] = np.take_along_axis(best, order, axis=1)
    return cells


def _group(cells: NDArray[np.uint16], count: int) -> list[Int64]:
    """Ascending rows of each of ``count`` cells."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.searchsorted(cells[order], np.arange(1, count)))


def _merge(vectors: Float32, queries: Int64, members: Int64, scores: Float32, rows: Int64, *, is_home: bool) -> None:
    """Compare queries with the members of a cell; keep the best of each query in its row of ``scores`` and ``rows``.

    In their home cell, queries are the members themselves.
    """
    products = vectors[queries] @ vectors[members].T
    if is_home:
        np.fill_diagonal(products, -np.inf)
    better = products.max(axis=1) > scores[queries].min(axis=1)
    queries, products = queries[better], products[better]
    width = scores.shape[1]
    together = np.concatenate([scores[queries], products], axis=1)
    best = np.argpartition(-together, width - 1, axis=1)[:, :width]
    kept = np.take_along_axis(rows[queries], np.minimum(best, width - 1), axis=1)
    scores[queries] = np.take_along_axis(together, best, axis=1)
    rows[queries] = np.where(best < width, kept, members[np.maximum(best - width, 0)])
