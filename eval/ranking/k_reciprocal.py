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

V is stored as a sparse matrix, and the minima are summed along an inverted index: instead of an n x n matrix only
blocks of rows exist. A row of V has at most (k1 + 1) (k1 / 2 + 1) k2 weights, in practice a tenth of that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.scorers.similarity import BLOCK_BYTES, similarity_blocks
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


class KReciprocal(NamedTuple):
    """Parameters of re-ranking; ``weight`` in [0, 1] is lambda, the weight of the original distance."""

    k1: int = 20
    k2: int = 6
    weight: float = 0.3


PAPER_PARAMETERS = KReciprocal()
"""Parameters of the paper."""


class SparseRows(NamedTuple):
    """A sparse matrix: row i has the weights, at ascending columns, of the slice ``first[i]:first[i + 1]``."""

    first: Int64
    column: Int64
    weight: Float32


class Neighbourhood(NamedTuple):
    """Per sample: ``nearest`` (n, k) rows, itself first, and ``spread`` (n,), the largest squared distance, > 0."""

    nearest: Int64
    spread: Float32


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
    self_rows = np.full(len(queries), -1, np.int64) if self_rows is None else self_rows
    new = self_rows < 0
    query_rows = np.where(new, len(gallery) + np.cumsum(new) - 1, self_rows)
    samples = np.concatenate([gallery, queries[new]])
    around = neighbourhood(samples, max(settings.k1 + 1, settings.k2))
    encoded = _average(_encode(samples, around, settings.k1), around.nearest[:, : settings.k2])
    inverted = _invert(encoded, len(gallery))
    share = np.float32(settings.weight)
    for start, scores in similarity_blocks(queries, gallery):
        for row, sample in enumerate(query_rows[start : start + len(scores)]):
            common = _common(encoded, inverted, sample, len(gallery))
            near = 1 - np.maximum(1 - scores[row], 0) / around.spread[sample]
            scores[row] = share * near + (1 - share) * (common / (2 - common))
        yield start, scores


def neighbourhood(vectors: Float32, k: int) -> Neighbourhood:
    """Find the k nearest of every sample among all of them, itself included; all if there are fewer than k.

    Args:
        vectors: (n, d) of length one; squared distances are 1 - cosine, since their scale does not matter here.
        k: number of neighbours.
    """
    n = len(vectors)
    nearest = np.empty((n, min(k, n)), np.int64)
    spread = np.empty(n, np.float32)

    def find(start: int, scores: Float32, rows: Sequence[int]) -> None:
        for row in rows:
            spread[start + row] = 1 - scores[row].min()
            scores[row, start + row] = np.inf
            nearest[start + row] = best_columns(scores[row], k)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start, scores in similarity_blocks(vectors, vectors):
            shares = [range(first, len(scores), workers) for first in range(workers)]
            for future in [pool.submit(find, start, scores, share) for share in shares]:
                future.result()
    return Neighbourhood(nearest, np.where(spread > 0, spread, np.float32(1)))


def best_columns(scores: Float32, k: int) -> Int64:
    """Columns of the k largest of ``scores`` (n,), best first, equal scores by column; all if n <= k."""
    k = min(k, len(scores))
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    eligible = np.flatnonzero(scores >= least)
    columns: Int64 = eligible[np.argsort(-scores[eligible], kind="stable")[:k]]
    return columns


def _encode(vectors: Float32, around: Neighbourhood, k1: int) -> SparseRows:
    """Compute V before the averaging: steps 1 to 3."""
    n = len(vectors)
    near, core = around.nearest[:, : k1 + 1], around.nearest[:, : round(k1 / 2) + 1]
    mutual, mutual_core = _mutual(near), _mutual(core)
    parts = []
    for start, stop in _chunks(n, max(n, near.shape[1] ** 2)):
        members = np.zeros((stop - start, n), np.bool_)
        row = np.arange(stop - start)[:, None]
        members[row, near[start:stop]] = mutual[start:stop]
        reach = core[near[start:stop]]
        valid = mutual_core[near[start:stop]] & mutual[start:stop, :, None]
        inside = valid & members[row[:, :, None], reach]
        added = valid & (3 * inside.sum(axis=2) > 2 * valid.sum(axis=2))[:, :, None]
        members[np.nonzero(added)[0], reach[added]] = True
        rows, columns = np.nonzero(members)
        weights = np.exp(-_distances(vectors, rows + start, columns) / around.spread[rows + start])
        weights /= np.bincount(rows, weights)[rows]
        parts.append((np.bincount(rows, minlength=stop - start), columns, weights.astype(np.float32)))
    return _stack(parts)


def _mutual(near: Int64) -> NDArray[np.bool_]:
    """Whether sample i is among the neighbours of its j-th neighbour: (n, k)."""
    mutual = np.empty(near.shape, np.bool_)
    for start, stop in _chunks(len(near), near.shape[1] ** 2):
        mutual[start:stop] = (near[near[start:stop]] == np.arange(start, stop)[:, None, None]).any(axis=2)
    return mutual


def _distances(vectors: Float32, first: Int64, second: Int64) -> Float32:
    """1 - cosine of pairs of rows, not below 0: (pairs,)."""
    cosines = np.empty(len(first), np.float32)
    for start, stop in _chunks(len(first), vectors.shape[1]):
        pairs = vectors[first[start:stop]], vectors[second[start:stop]]
        cosines[start:stop] = np.einsum("ij,ij->i", *pairs)
    return np.maximum(1 - cosines, 0)


def _average(encoded: SparseRows, near: Int64) -> SparseRows:
    """Mean of the rows of V over the neighbours ``near`` (n, k2): step 4."""
    n = len(near)
    parts = []
    for start, stop in _chunks(n, n):
        neighbours = near[start:stop].reshape(-1)
        owner, entry = _ranges(encoded.first[neighbours], encoded.first[neighbours + 1])
        cells = (owner // near.shape[1]) * n + encoded.column[entry]
        total = np.bincount(cells, encoded.weight[entry], minlength=(stop - start) * n)
        filled = np.flatnonzero(total)
        rows, columns = np.divmod(filled, n)
        weights = (total[filled] / near.shape[1]).astype(np.float32)
        parts.append((np.bincount(rows, minlength=stop - start), columns, weights))
    return _stack(parts)


def _invert(encoded: SparseRows, n: int) -> SparseRows:
    """Transpose the first n rows: row j of the result has the samples whose V has a weight at j."""
    last = encoded.first[n]
    order = np.argsort(encoded.column[:last], kind="stable")
    sample = np.repeat(np.arange(n), np.diff(encoded.first[: n + 1]))
    counts = np.bincount(encoded.column[:last], minlength=len(encoded.first) - 1)
    return SparseRows(_starts(counts), sample[order], encoded.weight[:last][order])


def _common(encoded: SparseRows, inverted: SparseRows, sample: int, gallery: int) -> NDArray[np.float64]:
    """Sum of min(V_sample, V_g) for every g of the gallery: (gallery,)."""
    entries = slice(encoded.first[sample], encoded.first[sample + 1])
    columns = encoded.column[entries]
    owner, entry = _ranges(inverted.first[columns], inverted.first[columns + 1])
    least = np.minimum(encoded.weight[entries][owner], inverted.weight[entry])
    return np.bincount(inverted.column[entry], least, minlength=gallery).astype(np.float64, copy=False)


def _ranges(first: Int64, last: Int64) -> tuple[Int64, Int64]:
    """All integers of the ranges [first[i], last[i]), one after the other, and the i of each."""
    sizes = last - first
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return owner, np.arange(len(owner)) + (first - _starts(sizes)[:-1])[owner]


def _stack(parts: Sequence[tuple[Int64, Int64, Float32]]) -> SparseRows:
    """Stack chunks of rows, given as (entries per row, columns, weights)."""
    counts, columns, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return SparseRows(_starts(counts), columns, weights)


def _starts(counts: Int64) -> Int64:
    return np.concatenate([[0], np.cumsum(counts)])


def _chunks(n: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of chunks of n rows, so that (rows, width) numbers of eight bytes are one block."""
    rows = max(1, BLOCK_BYTES // (8 * max(1, width)))
    return ((start, min(n, start + rows)) for start in range(0, n, rows))
