"""The indexes of FAISS: made by one thread where threads race, and nothing of the process is changed."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
import pytest

from retrieval.search.candidates import CandidateSearch
from retrieval.search.kernels import hnsw_search, ivf_search
from retrieval.types import Float32

rng = np.random.default_rng(0)
DATA = rng.standard_normal((7000, 16)).astype(np.float32)
DATA /= np.linalg.norm(DATA, axis=1, keepdims=True)


Build = Callable[[Float32], CandidateSearch]


@pytest.mark.parametrize("build", [hnsw_search, ivf_search])
def test_the_number_of_threads_does_not_matter_and_stays(build: Build) -> None:
    before = faiss.omp_get_max_threads()
    found = []
    try:
        for threads in (1, 2):
            faiss.omp_set_num_threads(threads)
            near = build(DATA)
            assert faiss.omp_get_max_threads() == threads
            found.append(near(DATA[:300], 20))
    finally:
        faiss.omp_set_num_threads(before)
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("build", [hnsw_search, ivf_search])
def test_candidates_are_rows_and_short_lists_are_padded(build: Build) -> None:
    rows = build(DATA)(DATA[:50], 3000)
    assert rows.shape == (50, 3000)
    assert (rows >= -1).all()
    assert (rows < len(DATA)).all()
    assert (rows[:, 0] == np.arange(50)).all()
