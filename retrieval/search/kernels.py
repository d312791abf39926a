"""Approximate searches with FAISS: HNSW graph and inverted file. No other module imports FAISS.

Scores of FAISS only select candidates, because it sums float32 in an order that depends on shapes, and the approximate
indexes store vectors in half precision. Callers compute the scores of candidates again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from retrieval.search.candidates import CandidateSearch
from retrieval.types import Float32, Int64

_FAISS: Any = faiss  # its type hints lack search parameters and the constants of scalar quantisers

LINKS = 32
"""Links per vertex of the HNSW graph (M in Malkov and Yashunin 2018); memory is 2 x LINKS x 4 bytes per vector."""

VISITED = 128
"""Smallest number of vertices that an HNSW search keeps (efSearch); more are slower and miss fewer neighbours."""

CELLS_PER_ROOT = 2
"""Cells of the inverted file per square root of its vectors."""

TRAINING_PER_CELL = 40
"""Training vectors of k-means per cell; FAISS warns below 39."""

PROBED = 16
"""One cell in this many is searched."""


def hnsw_search(data: Float32) -> CandidateSearch:
    """Build an HNSW graph over ``data`` (n, d) with n at least 1, and return its search function.

    The graph is built by one thread, because with several the links depend on their timing.
    """
    index = _FAISS.IndexHNSWSQ(data.shape[1], faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
    with _one_thread():
        index.train(data[:1])  # FAISS requires a call, although half precision has no parameters to learn
        for block in _blocks(data):
            index.add(block)

    def search(queries: Float32, width: int) -> Int64:
        params = _FAISS.SearchParametersHNSW(efSearch=max(VISITED, width))
        return np.asarray(index.search(queries, width, params=params)[1], np.int64)

    return search


def ivf_search(data: Float32, seed: int = 0) -> CandidateSearch:
    """Build an inverted file over ``data`` (n, d), and return its search function.

    The cells are k-means clusters of a random subset; each query searches some of them.

    Args:
        data: at least TRAINING_PER_CELL x CELLS_PER_ROOT x sqrt(n) vectors, which n = 6,400 satisfies.
        seed: seed of the subset and of k-means.
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

    def search(queries: Float32, width: int) -> Int64:
        params = _FAISS.SearchParametersIVF(nprobe=math.ceil(n_cells / PROBED))
        return np.asarray(index.search(queries, width, params=params)[1], np.int64)

    return search


def _blocks(data: Float32, size: int = 65_536) -> Iterator[Float32]:
    """Yield blocks of rows, so that a memory-mapped matrix is never copied as a whole."""
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
