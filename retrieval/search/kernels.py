"""The three searches of FAISS that we use, behind plain functions. The one file that knows FAISS.

Their scores only choose candidates: FAISS sums float32 in an order that depends on shapes, and the approximate
indexes keep vectors in half precision. Callers score what they are given anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from retrieval.types import Float32, Int64

_FAISS: Any = faiss  # its own type hints lack parameters of searches, and numbers for scalar quantisers

Near = Callable[[Float32, int], Int64]
"""Queries (q, d) and a width to candidate rows (q, width), best first; -1 pads short lists."""

LINKS = 32
"""Links of a vertex of the HNSW graph (M of Malkov and Yashunin 2018); memory is 2 LINKS x 4 bytes a vector."""

VISITED = 128
"""Vertices that an HNSW search keeps at least (efSearch); more are slower and find more."""

CELLS_PER_ROOT = 2
"""Cells of the inverted file per square root of its vectors."""

TRAINING_PER_CELL = 40
"""Vectors that k-means sees per cell; FAISS warns below 39."""

PROBED = 16
"""One cell in this many is searched."""


def nearest(queries: Float32, data: Float32, width: int) -> tuple[Float32, Int64]:
    """Scan all of ``data`` (n, d) for the rows of highest inner product: scores and rows (q, width), width <= n."""
    scores, rows = faiss.knn(queries, data, width, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(scores, np.float32), np.asarray(rows, np.int64)


def graph(data: Float32) -> Near:
    """Build an HNSW graph over ``data`` (n, d), of at least one row.

    It is built by one thread: links that several threads set depend on who comes first.
    """
    index = _FAISS.IndexHNSWSQ(data.shape[1], faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
    with _one_thread():
        index.train(data[:1])  # half precision has nothing to learn, but asks for a row
        for block in _blocks(data):
            index.add(block)

    def near(queries: Float32, width: int) -> Int64:
        visited = _FAISS.SearchParametersHNSW(efSearch=max(VISITED, width))
        return np.asarray(index.search(queries, width, params=visited)[1], np.int64)

    return near


def cells(data: Float32, seed: int = 0) -> Near:
    """Build an inverted file over ``data`` (n, d): k-means cells learned on a seeded subset, some searched per query.

    ``data`` has at least TRAINING_PER_CELL x CELLS_PER_ROOT x sqrt(n) rows (n of 6,400 will do).
    """
    n_cells = round(CELLS_PER_ROOT * math.sqrt(len(data)))
    centres = faiss.IndexFlatIP(data.shape[1])
    half, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    index = _FAISS.IndexIVFScalarQuantizer(centres, data.shape[1], n_cells, half, metric, False)
    index.cp.seed = seed
    n_train = min(len(data), n_cells * TRAINING_PER_CELL)
    index.train(data[np.sort(np.random.default_rng(seed).choice(len(data), n_train, replace=False))])
    for block in _blocks(data):
        index.add(block)

    def near(queries: Float32, width: int) -> Int64:
        probed = _FAISS.SearchParametersIVF(nprobe=math.ceil(n_cells / PROBED))
        return np.asarray(index.search(queries, width, params=probed)[1], np.int64)

    return near


def _blocks(data: Float32, size: int = 65_536) -> Iterator[Float32]:
    """Rows block by block, so that a memory-mapped matrix is never copied as a whole."""
    for start in range(0, len(data), size):
        yield np.ascontiguousarray(data[start : start + size])


@contextmanager
def _one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
