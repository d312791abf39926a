"""k-reciprocal re-ranking (Zhong, Zheng, Cao, Li: CVPR 2017, arXiv:1701.08398), bounded in memory.

Two samples are similar if they have the same k-reciprocal neighbours. With N(p, k) the k nearest to p among all
queries and the gallery, p itself first, and D the squared distance:

1. R(p, k) = {g in N(p, k) : p in N(g, k)} (eq. 3), with k = k1.
2. R*(p) is R(p, k1) and every R(q, k1/2), q in R(p, k1), two thirds of which are in R(p, k1) (eq. 4).
3. V_p is exp(-D(p, g)) at g in R*(p), 0 elsewhere (eq. 7).
4. V_p becomes the mean of V over N(p, k2) (local query expansion, eq. 11).
5. Jaccard distance 1 - sum min(V_p, V_g) / sum max(V_p, V_g) (eq. 10); the final distance is
   (1 - lambda) * Jaccard + lambda * D (eq. 12).

The authors' code, and the libraries that followed, depart from these equations in six places. Published numbers are
those of that code, so this module follows it:

- D(p, .) is squared and divided by its largest value, so that the maximum of every row is 1, in steps 3 and 5.
- V_p is divided by its sum; hence sum max = 2 - sum min.
- The "k nearest" are k + 1 samples, since p is its own neighbour; in step 4 they are k2, p included.
- More than two thirds are required in step 2; in the paper at least two thirds.
- k1/2 is rounded to the nearest integer, halves to the even one.
- Neighbours are taken from all queries and the gallery together; in the paper from one probe and the gallery. So the
  ranking of a query depends on the other queries: the result is transductive.

Two details are specific to this module: a sample is its own first neighbour even if others are equal to it, and equal
distances are in order of the gallery, queries last. Junk rules do not affect the neighbours; they apply to the final
ranking.

V is a sparse matrix, and so are the sets: a set of step 1 is a row of ones, and counting what two sets share is a
product of matrices. The minima of step 5 are summed along an inverted index. Blocks of rows exist at a time, never an
n x n matrix. A row of V has at most (k1 + 1) (k1 / 2 + 1) k2 weights, in practice a tenth of that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.ranking.neighbours import Neighbourhood, neighbourhood
from eval.ranking.score_keys import row_chunks
from eval.ranking.sums_of_minima import Sparse, SumsOfMinima
from eval.scorers.similarity import similarity_blocks
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS_AT_ONCE = 2048
"""Rows of V that a thread computes at a time."""

PAIR_BYTES = 512 << 10
"""Size of one side of the vectors whose cosines are computed together."""


class KReciprocal(NamedTuple):
    """Parameters of re-ranking; ``weight`` in [0, 1] is lambda, the weight of the original distance."""

    k1: int = 20
    k2: int = 6
    weight: float = 0.3


PAPER_PARAMETERS = KReciprocal()
"""Parameters of the paper."""


def rerank_blocks(
    queries: Float32, gallery: Float32, settings: KReciprocal = PAPER_PARAMETERS, self_rows: Int64 | None = None
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)), 1 minus the re-ranked distance, in [0, 1].

    Blocks are those of :func:`eval.scorers.similarity.similarity_blocks`, and valid until the next one as theirs are.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        settings: k1, k2 >= 1, and lambda.
        self_rows: (n,) gallery row of the query itself, -1 for none; such a sample is counted once.
    """
    if not len(queries):
        return
    self_rows = np.full(len(queries), -1, np.int64) if self_rows is None else self_rows
    new = self_rows < 0
    query_rows = np.where(new, len(gallery) + np.cumsum(new) - 1, self_rows)
    samples = np.concatenate([gallery, queries[new]])
    around = neighbourhood(samples, max(settings.k1 + 1, settings.k2))
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        encoded = _average(_encode(samples, around, settings.k1, pool), around.nearest[:, : settings.k2], pool)
        minima = SumsOfMinima(encoded[query_rows], encoded[: len(gallery)])
        spread = around.spread[query_rows]
        for start, scores in similarity_blocks(queries, gallery):

            def blend(first: int, last: int, start: int = start, scores: Float32 = scores) -> None:
                for at, common in minima(start + first, start + last):
                    rows = slice(at, at + len(common))
                    _blend(scores[at - start : at - start + len(common)], common, spread[rows], settings.weight)

            edges = np.linspace(0, len(scores), workers + 1).astype(int).tolist()
            list(pool.map(blend, edges[:-1], edges[1:]))
            yield start, scores


def _encode(vectors: Float32, around: Neighbourhood, k1: int, pool: ThreadPoolExecutor) -> Sparse:
    """Compute V before the averaging: steps 1 to 3."""
    near_cosines = _rows_of(around.nearest, around.cosine)
    mutual, core = _reciprocal(around.nearest, k1 + 1), _reciprocal(around.nearest, round(k1 / 2) + 1)
    sizes = np.diff(core.indptr)

    def encode(start: int, stop: int) -> Sparse:
        sets = mutual[start:stop]
        shared = (sets @ core).multiply(sets)  # core is symmetric; the product has an entry wherever sets has one
        shared.data = (3 * shared.data > 2 * sizes[shared.indices]).astype(np.int32)
        shared.eliminate_zeros()
        members = sets + shared @ core
        members.sort_indices()
        row = np.repeat(np.arange(start, stop), np.diff(members.indptr))
        distances = np.maximum(1 - _cosines(vectors, near_cosines, row, members.indices), 0)
        weights = np.exp(-distances / around.spread[row])
        weights /= np.bincount(row - start, weights)[row - start]
        members.data = weights
        return members

    return _by_rows(encode, len(vectors), pool)


def _rows_of(columns: Int64, values: NDArray[np.generic]) -> Sparse:
    """Sparse matrix (n, n) with ``values`` (n, k) at ``columns`` (n, k), in order of the columns."""
    from scipy.sparse import csr_array

    n, k = columns.shape
    kind = np.int32 if n * k < np.iinfo(np.int32).max else np.int64
    matrix = csr_array(
        (values.reshape(-1), columns.astype(kind).reshape(-1), np.arange(0, n * k + 1, k).astype(kind)), shape=(n, n)
    )
    matrix.sort_indices()
    return matrix


def _reciprocal(nearest: Int64, k: int) -> Sparse:
    """R(p, k) of every sample: (n, n) with a one where two samples are among the k nearest of each other."""
    near = _rows_of(nearest[:, :k], np.ones_like(nearest[:, :k], np.int32))
    return near.multiply(near.T.tocsr())


def _cosines(vectors: Float32, near_cosines: Sparse, row: Int64, column: Int64) -> Float32:
    """Cosines of pairs (pairs,) in order of row and column: from ``near_cosines``, or computed where it has none."""
    first, n = int(row[0]), near_cosines.shape[0]
    entries = slice(near_cosines.indptr[first], near_cosines.indptr[row[-1] + 1])
    at_row = np.repeat(np.arange(row[-1] + 1 - first), np.diff(near_cosines.indptr[first : row[-1] + 2]))
    places, wanted = at_row * n + near_cosines.indices[entries], (row - first) * n + column
    at = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    cosines: Float32 = near_cosines.data[entries][at]
    missing = np.flatnonzero(places[at] != wanted)
    for start, stop in row_chunks(len(missing), 4 * vectors.shape[1], PAIR_BYTES):
        some = missing[start:stop]
        cosines[some] = np.einsum("ij,ij->i", vectors[row[some]], vectors[column[some]])
    return cosines


def _average(encoded: Sparse, near: Int64, pool: ThreadPoolExecutor) -> Sparse:
    """Mean of the rows of V over the neighbours ``near`` (n, k2): step 4. Columns of a row are in no order."""
    mean = _rows_of(near, np.full(near.shape, 1 / near.shape[1], np.float32))
    return _by_rows(lambda start, stop: mean[start:stop] @ encoded, len(near), pool)


def _by_rows(compute: Callable[[int, int], Sparse], n: int, pool: ThreadPoolExecutor) -> Sparse:
    """Stack what ``compute`` returns for chunks of rows (start, stop)."""
    from scipy.sparse import vstack

    starts = range(0, n, ROWS_AT_ONCE)
    return vstack(list(pool.map(compute, starts, [min(n, start + ROWS_AT_ONCE) for start in starts])), format="csr")


def _blend(scores: Float32, common: Float32, spread: Float32, weight: float) -> None:
    """Turn cosines (rows, gallery) into re-ranked scores in place; ``common`` are their sums of minima."""
    share = np.float32(weight)
    np.subtract(1, scores, out=scores)
    np.maximum(scores, 0, out=scores)
    scores /= spread[:, None]
    np.subtract(1, scores, out=scores)
    scores *= share
    common /= 2 - common
    common *= 1 - share
    scores += common
