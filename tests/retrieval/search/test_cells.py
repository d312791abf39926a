from __future__ import annotations

import numpy as np
import pytest

from retrieval.search import cells
from retrieval.search.cells import cell_neighbours
from retrieval.types import Float32, Int64
from tests.support.audit_samples import clusters


def exact(vectors: Float32, k: int) -> Int64:
    """Rows of the nearest others by a full comparison in float64."""
    wide = vectors.astype(np.float64)
    scores = (wide @ wide.T).astype(np.float32)
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def with_copies(vectors: Float32, noise: float, seed: int = 1) -> Float32:
    """Replace every second row by the row before it with a little noise."""
    rng = np.random.default_rng(seed)
    copied = vectors.copy()
    copied[1::2] = vectors[::2] + noise * rng.standard_normal(vectors[::2].shape).astype(np.float32)
    return np.asarray(copied / np.linalg.norm(copied, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("images", [1, 20])
def test_near_copies_are_neighbours_as_in_a_full_comparison(images: int) -> None:
    vectors = with_copies(clusters(2000 // images, images, noise=1.0, d=32), noise=0.02)
    found = cell_neighbours(vectors, 8)
    nearest = exact(vectors, 1)[:, 0]
    assert (found.rows[:, 0] == nearest).mean() >= 0.99
    assert (found.rows != np.arange(2000)[:, None]).all()
    cosines = np.einsum("nd,nkd->nk", vectors.astype(np.float64), vectors[found.rows].astype(np.float64))
    np.testing.assert_allclose(found.scores, cosines, atol=1e-6)
    again = cell_neighbours(vectors, 8)
    assert np.array_equal(again.rows, found.rows)
    assert np.array_equal(again.scores, found.scores)


def test_with_all_cells_probed_it_is_a_full_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "BLOCK_BYTES", 1 << 14)
    vectors = clusters(60, 5, noise=0.5)
    vectors[7] = vectors[120] = vectors[3]  # equal scores stand in order of rows
    assert np.array_equal(cell_neighbours(vectors, 6).rows, exact(vectors, 6))


@pytest.mark.parametrize(("n", "k"), [(2, 1), (5, 4), (9, 8)])
def test_few_vectors_and_equal_ones(n: int, k: int) -> None:
    found = cell_neighbours(np.full((n, 4), 0.5, np.float32), k)
    assert found.rows.tolist() == [[other for other in range(n) if other != row][:k] for row in range(n)]
    assert (found.scores == 1).all()
