"""k-reciprocal re-ranking (Zhong, Zheng, Cao, Li: CVPR 2017, arXiv:1701.08398), bounded in memory.

Two images are alike if they have the same k-reciprocal neighbours. With N(p, k) the k nearest to p among all queries
and the gallery, p itself first, and D the squared distance:

1. R(p, k) = {g in N(p, k) : p in N(g, k)} (eq. 3), with k = k1.
2. R*(p) is R(p, k1) and every R(q, k1/2), q in R(p, k1), two thirds of which are in R(p, k1) (eq. 4).
3. V_p has the weight exp(-D(p, g)) at the places g in R*(p), 0 elsewhere (eq. 7).
4. V_p becomes the mean of V over N(p, k2) (local query expansion, eq. 11).
5. Jaccard distance 1 - sum min(V_p, V_g) / sum max(V_p, V_g) (eq. 10); the final distance is
   (1 - lambda) * Jaccard + lambda * D (eq. 12).

The code that came with the paper, and every library since, departs from these equations in six places; published
numbers are of that code, so this follows it in all of them:

- D(p, .) is squared and divided by its largest value, so that every row ends at 1, in (3) as in (5).
- V_p is divided by its sum; hence sum max = 2 - sum min.
- "k nearest" are k + 1 images, as p counts as its own neighbour; in step 4 they are k2 with p among them.
- "Two thirds" must be exceeded; the paper says at least.
- k1/2 is rounded to the nearest integer, halves to the even one.
- Neighbours are taken from all queries and the gallery together; the paper has one probe and the gallery. So what is
  found for one query depends on which others are asked: the result is transductive.

Two details are ours: an image is its own first neighbour also where others equal it, and equal distances stand in order
of the gallery, queries after it. Junk rules know nothing of all this: they apply to the ranking that comes out.

V is sparse and kept as such, and the minima are summed along an inverted index: no n x n matrix is made, only blocks of
rows. A row of V has at most (k1 + 1) (k1 / 2 + 1) k2 weights, in practice a tenth of that.
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


class Reciprocal(NamedTuple):
    """Parameters; ``weight`` is the paper's lambda, of the original distance, in [0, 1]."""

    k1: int = 20
    k2: int = 6
    weight: float = 0.3


USUAL = Reciprocal()
"""The paper's choice."""


class Sparse(NamedTuple):
    """A sparse matrix by rows: row i has ``weight[first[i]:first[i + 1]]`` at those ``column``, ascending."""

    first: Int64
    column: Int64
    weight: Float32


class Neighbourhood(NamedTuple):
    """Of n images: ``nearest`` (n, k) rows, the image itself first; ``spread`` (n,) largest squared distance, > 0."""

    nearest: Int64
    spread: Float32


def rerank_blocks(
    queries: Float32, gallery: Float32, settings: Reciprocal = USUAL, own: Int64 | None = None
) -> Iterator[tuple[int, Float32]]:
    """Yield (first query of the block, scores (rows, gallery)), 1 minus the re-ranked distance: in [0, 1].

    Blocks are those of :func:`eval.scorers.similarity.similarity_blocks`, and theirs is the same contract.

    Args:
        queries: (n, d) of length one.
        gallery: (m, d) of length one.
        settings: k1, k2 >= 1, and lambda.
        own: (n,) row of the gallery that is the query itself, -1 for none: such an image is one image, not two.
    """
    own = np.full(len(queries), -1, np.int64) if own is None else own
    new = own < 0
    place = np.where(new, len(gallery) + np.cumsum(new) - 1, own)
    images = np.concatenate([gallery, queries[new]])
    around = neighbourhood(images, max(settings.k1 + 1, settings.k2))
    encoded = _average(_encode(images, around, settings.k1), around.nearest[:, : settings.k2])
    inverted = _invert(encoded, len(gallery))
    share = np.float32(settings.weight)
    for start, scores in similarity_blocks(queries, gallery):
        for row, image in enumerate(place[start : start + len(scores)]):
            common = _common(encoded, inverted, image, len(gallery))
            near = 1 - np.maximum(1 - scores[row], 0) / around.spread[image]
            scores[row] = share * near + (1 - share) * (common / (2 - common))
        yield start, scores


def neighbourhood(vectors: Float32, k: int) -> Neighbourhood:
    """Find the k nearest (fewer where there are fewer) of every image among all of them, itself included.

    Args:
        vectors: (n, d) of length one; squared distances are 1 - cosine, as their scale does not matter here.
        k: how many.
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
            for done in [pool.submit(find, start, scores, share) for share in shares]:
                done.result()
    return Neighbourhood(nearest, np.where(spread > 0, spread, np.float32(1)))


def best_columns(scores: Float32, k: int) -> Int64:
    """Columns of the k largest of ``scores`` (n,), best first, equal ones ascending; all where n <= k."""
    k = min(k, len(scores))
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    among = np.flatnonzero(scores >= least)
    columns: Int64 = among[np.argsort(-scores[among], kind="stable")[:k]]
    return columns


def _encode(vectors: Float32, around: Neighbourhood, k1: int) -> Sparse:
    """V before the averaging: steps 1 to 3."""
    n = len(vectors)
    near, core = around.nearest[:, : k1 + 1], around.nearest[:, : round(k1 / 2) + 1]
    mutual, mutual_core = _mutual(near), _mutual(core)
    parts = []
    for start, stop in _chunks(n, max(n, near.shape[1] ** 2)):
        found = np.zeros((stop - start, n), np.bool_)
        row = np.arange(stop - start)[:, None]
        found[row, near[start:stop]] = mutual[start:stop]
        reach = core[near[start:stop]]
        valid = mutual_core[near[start:stop]] & mutual[start:stop, :, None]
        inside = valid & found[row[:, :, None], reach]
        added = valid & (3 * inside.sum(axis=2) > 2 * valid.sum(axis=2))[:, :, None]
        found[np.nonzero(added)[0], reach[added]] = True
        rows, columns = np.nonzero(found)
        weights = np.exp(-_distances(vectors, rows + start, columns) / around.spread[rows + start])
        weights /= np.bincount(rows, weights)[rows]
        parts.append((np.bincount(rows, minlength=stop - start), columns, weights.astype(np.float32)))
    return _stack(parts)


def _mutual(near: Int64) -> NDArray[np.bool_]:
    """Whether image i is among the neighbours of its j-th neighbour: (n, k)."""
    found = np.empty(near.shape, np.bool_)
    for start, stop in _chunks(len(near), near.shape[1] ** 2):
        found[start:stop] = (near[near[start:stop]] == np.arange(start, stop)[:, None, None]).any(axis=2)
    return found


def _distances(vectors: Float32, first: Int64, second: Int64) -> Float32:
    """1 - cosine of pairs of rows, not below 0: (pairs,)."""
    found = np.empty(len(first), np.float32)
    for start, stop in _chunks(len(first), vectors.shape[1]):
        pairs = vectors[first[start:stop]], vectors[second[start:stop]]
        found[start:stop] = np.einsum("ij,ij->i", *pairs)
    return np.maximum(1 - found, 0)


def _average(encoded: Sparse, near: Int64) -> Sparse:
    """Mean of the rows of V over the neighbours ``near`` (n, k2): step 4."""
    n = len(near)
    parts = []
    for start, stop in _chunks(n, n):
        images = near[start:stop].reshape(-1)
        owner, entry = _ranges(encoded.first[images], encoded.first[images + 1])
        cells = (owner // near.shape[1]) * n + encoded.column[entry]
        total = np.bincount(cells, encoded.weight[entry], minlength=(stop - start) * n)
        filled = np.flatnonzero(total)
        rows, columns = np.divmod(filled, n)
        weights = (total[filled] / near.shape[1]).astype(np.float32)
        parts.append((np.bincount(rows, minlength=stop - start), columns, weights))
    return _stack(parts)


def _invert(encoded: Sparse, n: int) -> Sparse:
    """The first n rows by columns: row j of the result has the images whose V has a weight at j."""
    last = encoded.first[n]
    order = np.argsort(encoded.column[:last], kind="stable")
    image = np.repeat(np.arange(n), np.diff(encoded.first[: n + 1]))
    counts = np.bincount(encoded.column[:last], minlength=len(encoded.first) - 1)
    return Sparse(_starts(counts), image[order], encoded.weight[:last][order])


def _common(encoded: Sparse, inverted: Sparse, image: int, gallery: int) -> NDArray[np.float64]:
    """Sum of min(V_image, V_g) for every g of the gallery: (gallery,)."""
    own = slice(encoded.first[image], encoded.first[image + 1])
    columns = encoded.column[own]
    owner, entry = _ranges(inverted.first[columns], inverted.first[columns + 1])
    least = np.minimum(encoded.weight[own][owner], inverted.weight[entry])
    return np.bincount(inverted.column[entry], least, minlength=gallery).astype(np.float64, copy=False)


def _ranges(first: Int64, last: Int64) -> tuple[Int64, Int64]:
    """All integers of the ranges [first[i], last[i]), one after the other, and the i of each."""
    sizes = last - first
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return owner, np.arange(len(owner)) + (first - _starts(sizes)[:-1])[owner]


def _stack(parts: Sequence[tuple[Int64, Int64, Float32]]) -> Sparse:
    """Put chunks of rows, as (entries per row, columns, weights), under each other."""
    counts, columns, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Sparse(_starts(counts), columns, weights)


def _starts(counts: Int64) -> Int64:
    return np.concatenate([[0], np.cumsum(counts)])


def _chunks(n: int, width: int) -> Iterator[tuple[int, int]]:
    """Divide n rows so that (rows, width) numbers of eight bytes are a block."""
    rows = max(1, BLOCK_BYTES // (8 * max(1, width)))
    return ((start, min(n, start + rows)) for start in range(0, n, rows))
