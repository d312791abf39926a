"""Similarities of queries and a gallery, block by block, in bounded memory; and the combination of views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_BYTES = 64 << 20
"""Size of one block of scores. It is constant, so that equal arrays give equal blocks and thus equal bits."""

CHUNK_ROWS = 8192
FIRST_ENTRIES = 16


def similarity_blocks(queries: Float32, gallery: Float32) -> Iterator[tuple[int, Float32]]:
    """Yield inner products in blocks: the first query of the block, and its scores (rows, m).

    A matrix product may round the same pair of vectors differently at different columns. Here equal gallery vectors
    get exactly equal scores, so that ties stay ties. The caller may overwrite a block; its memory is reused for the
    next one.

    Args:
        queries: (n, d).
        gallery: (m, d).
    """
    copies, firsts = equal_rows(gallery)
    rows = max(1, BLOCK_BYTES // (4 * max(1, len(gallery))))
    buffer = np.empty((min(rows, len(queries)), len(gallery)), np.float32)
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows]
        scores = np.matmul(part, gallery.T, out=buffer[: len(part)])
        if len(copies):
            scores[:, copies] = scores[:, firsts]
        yield start, scores


def equal_rows(matrix: Float32) -> tuple[Int64, Int64]:
    """Find rows that repeat an earlier one.

    Rows are compared by a 64-bit linear hash of their bits with constant random weights: first of their first entries,
    then, where those repeat, of all entries. Rows with equal hashes are compared entry by entry.

    Args:
        matrix: (n, d).

    Returns:
        ``(copies, firsts)``: rows ``copies[i]`` equal rows ``firsts[i] < copies[i]``, ascending copies.
    """
    _, group, sizes = np.unique(_hashes(matrix[:, :FIRST_ENTRIES]), return_inverse=True, return_counts=True)
    rows = np.flatnonzero(sizes[group] > 1)
    _, first, inverse = np.unique(_hashes(matrix, rows), return_index=True, return_inverse=True)
    repeats = np.flatnonzero(first[inverse] != np.arange(len(rows)))
    copies, firsts = rows[repeats], rows[first[inverse[repeats]]]
    same = np.array([np.array_equal(matrix[a], matrix[b]) for a, b in zip(copies, firsts, strict=True)], np.bool_)
    return copies[same], firsts[same]


def _hashes(matrix: Float32, rows: Int64 | None = None) -> NDArray[np.uint64]:
    """Hash of each row, or of ``rows``."""
    weights = np.random.Generator(np.random.PCG64(0)).integers(1, 1 << 63, matrix.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(matrix) if rows is None else len(rows), np.uint64)
    for start in range(0, len(hashes), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        chunk = np.ascontiguousarray(matrix[part] if rows is None else matrix[rows[part]])
        chunk = chunk + np.float32(0)  # turns -0.0 into 0.0, whose bits differ
        hashes[part] = chunk.view(np.uint32).astype(np.uint64) @ weights
    return hashes


def combine_views(views: list[Float32]) -> Float32:
    """Sum the unit vectors of several views and normalise the sums. A single view is returned unchanged.

    Args:
        views: arrays (n, d) of unit vectors.

    Returns:
        (n, d) unit vectors; a sum of zero stays zero.
    """
    if len(views) == 1:
        return views[0]
    total = views[0] + views[1]
    for view in views[2:]:
        total += view
    norms = np.sqrt(np.einsum("ij,ij->i", total, total))
    total /= np.maximum(norms, np.float32(1e-12))[:, None]
    return total


def require_unit(vectors: Float32, ids: NDArray[np.str_], view: str) -> None:
    """Check that vectors (n, d) are finite and of length one (to 1e-3).

    Args:
        vectors: (n, d).
        ids: (n,) their samples, for the message.
        view: their view, for the message.

    Raises:
        InputError: a vector is not; the message names the first sample.
    """
    squares = np.einsum("ij,ij->i", vectors, vectors)
    wrong = np.flatnonzero(~(np.abs(squares - 1) < 2e-3))
    if len(wrong):
        raise InputError(
            f"The vector of sample {ids[wrong[0]]} in view '{view}' is not finite or not of length one ({len(wrong)} "
            "such samples); 'verify' tells more, and indexing again mends it."
        )
