"""Approximate searches with FAISS: HNSW graph and inverted file. No other module imports FAISS.

Scores of FAISS only select candidates, because it sums float32 in an order that depends on shapes, and the approximate
indexes store vectors in half precision. Callers compute the scores of candidates again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from retrieval.search.candidates import CandidateSearch
from retrieval.types import Float32, Int64

_FAISS: Any = faiss  # its type hints lack search parameters and the constants of scalar quantisers

LINKS = 32
"""Links per vertex of the HNSW graph (M in Malkov and Yashunin 2018); memory is 2 x LINKS x 4 bytes per vector."""

CONSTRUCTION = 40
"""Number of vertices that building an HNSW graph keeps for each new one (efConstruction)."""

VISITED = 128
"""Smallest number of vertices that an HNSW search keeps (efSearch); more are slower and miss fewer neighbours."""

CELLS_PER_ROOT = 2
"""Cells of the inverted file per square root of its vectors."""

TRAINING_PER_CELL = 40
"""Training vectors of k-means per cell; FAISS warns below 39."""

PROBED = 16
"""One cell in this many is searched."""

BLOCK_ROWS = 65_536
"""Vectors that are added at one time."""

WRITTEN_BYTES = 1 << 22
"""Bytes of a file that are written at one time."""


def hnsw_search(data: Float32) -> CandidateSearch:
    """Build an HNSW graph over ``data`` (n, d) with n at least 1, and return its search function."""
    return hnsw_candidates(build_hnsw(data), VISITED)


def build_hnsw(
    data: Float32,
    links: int = LINKS,
    construction: int = CONSTRUCTION,
    threads: int = 1,
    block_rows: int = BLOCK_ROWS,
    advance: Callable[[int], None] = lambda _: None,
) -> Any:
    """Build an HNSW graph; with several threads the links depend on their timing.

    Args:
        data: (n, d), n at least 1.
        links: links per vertex.
        construction: vertices that are kept for each new one.
        threads: number of threads.
        block_rows: vectors that are added at one time; the links depend on it.
        advance: receives numbers of added vectors.
    """
    index = _FAISS.IndexHNSWSQ(data.shape[1], faiss.ScalarQuantizer.QT_fp16, links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = construction
    with _threads(threads):
        index.train(data[:1])  # FAISS requires a call, although half precision has no parameters to learn
        for block in _blocks(data, block_rows):
            index.add(block)
            advance(len(block))
    return index


def hnsw_candidates(index: Any, visited: int) -> CandidateSearch:
    """Return the search function of an HNSW graph, which keeps ``visited`` vertices or more."""

    def search(queries: Float32, width: int) -> Int64:
        params = _FAISS.SearchParametersHNSW(efSearch=max(visited, width))
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
    return ivf_candidates(build_ivf(data, n_cells, seed), math.ceil(n_cells / PROBED))


def build_ivf(data: Float32, n_cells: int, seed: int = 0, advance: Callable[[int], None] = lambda _: None) -> Any:
    """Build an inverted file.

    Args:
        data: (n, d), at least TRAINING_PER_CELL x ``n_cells`` vectors.
        n_cells: number of cells.
        seed: seed of the training vectors and of k-means.
        advance: receives numbers of added vectors.
    """
    centres = faiss.IndexFlatIP(data.shape[1])
    half, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    index = _FAISS.IndexIVFScalarQuantizer(centres, data.shape[1], n_cells, half, metric, False)
    index.cp.seed = seed
    n_train = min(len(data), n_cells * TRAINING_PER_CELL)
    index.train(data[np.sort(np.random.default_rng(seed).choice(len(data), n_train, replace=False))])
    for block in _blocks(data):
        index.add(block)
        advance(len(block))
    return index


def ivf_candidates(index: Any, n_probed: int) -> CandidateSearch:
    """Return the search function of an inverted file, which searches ``n_probed`` cells."""

    def search(queries: Float32, width: int) -> Int64:
        params = _FAISS.SearchParametersIVF(nprobe=n_probed)
        return np.asarray(index.search(queries, width, params=params)[1], np.int64)

    return search


def write_index(index: Any, path: Path) -> None:
    """Write an index to a file, and force it to the disk.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file:
        # With a path, FAISS itself writes, and does not notice a disk that is full when the file is closed.
        _FAISS.write_index(index, _FAISS.PyCallbackIOWriter(file.write, WRITTEN_BYTES))
        file.flush()
        os.fsync(file.fileno())


def read_index(path: Path, rows: int, dimension: int) -> Any:
    """Map an index of :func:`write_index` into memory; its digest was compared before.

    Raises:
        ValueError: it is not of ``rows`` vectors in ``dimension`` dimensions.
    """
    try:
        index = _FAISS.read_index(str(path), _FAISS.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    if (index.ntotal, index.d) != (rows, dimension):
        raise ValueError(f"{index.ntotal} vectors in {index.d} dimensions")
    return index


def _blocks(data: Float32, size: int = BLOCK_ROWS) -> Iterator[Float32]:
    """Yield blocks of rows, so that a memory-mapped matrix is never copied as a whole."""
    for start in range(0, len(data), size):
        yield np.ascontiguousarray(data[start : start + size])


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(number)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
