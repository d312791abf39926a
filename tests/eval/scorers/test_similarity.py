from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eval.scorers import similarity
from eval.scorers.similarity import combine_views, equal_rows, require_unit, similarity_blocks
from retrieval.errors import InputError
from retrieval.types import Float32


def unit(n: int, d: int, seed: int = 0) -> Float32:
    raw = np.random.default_rng(seed).standard_normal((n, d))
    vectors: Float32 = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def test_blocks_are_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 4 * 50 * 7)
    queries, gallery = unit(20, 16), unit(50, 16, 1)
    blocks = [(start, scores.copy()) for start, scores in similarity_blocks(queries, gallery)]
    assert [start for start, _ in blocks] == [0, 7, 14]
    np.testing.assert_allclose(np.concatenate([scores for _, scores in blocks]), queries @ gallery.T, atol=1e-6)


@pytest.mark.parametrize("queries", [1, 2, 64])
def test_equal_gallery_vectors_get_exactly_equal_scores_wherever_they_stand(queries: int) -> None:
    """A bare product does not promise this: BLAS rounds differently at the edges of its tiles."""
    gallery = unit(1003, 512, 1)
    places = [0, 5, 333, 998, 1002]
    gallery[places] = gallery[5]
    for _, scores in similarity_blocks(unit(queries, 512), gallery):
        assert (np.ptp(scores[:, places], axis=1) == 0).all()


@given(arrays(np.float32, (12, 2), elements=st.sampled_from([-1.0, -0.0, 0.0, 1.0])))
def test_equal_rows_are_found_by_value(matrix: Float32) -> None:
    rows = [tuple(row) for row in matrix.tolist()]
    expected = [(at, rows.index(row)) for at, row in enumerate(rows) if rows.index(row) != at]
    copies, firsts = equal_rows(matrix)
    assert list(zip(copies.tolist(), firsts.tolist(), strict=True)) == expected


def test_rows_that_begin_alike_are_told_apart() -> None:
    """Features that are mostly 0 agree in their first entries; only the rest of a row tells."""
    matrix = np.zeros((40, 64), np.float32)
    matrix[np.arange(40), 20 + np.arange(40) % 30] = 1
    copies, firsts = equal_rows(matrix)
    assert copies.tolist() == list(range(30, 40))
    assert firsts.tolist() == list(range(10))


def test_views_are_summed_and_normalised() -> None:
    a, b, c = unit(5, 8), unit(5, 8, 1), unit(5, 8, 2)
    total = a.astype(float) + b + c
    np.testing.assert_allclose(
        combine_views([a, b, c]), total / np.linalg.norm(total, axis=1, keepdims=True), atol=1e-6
    )
    assert combine_views([a]) is a


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, 2.0])
def test_a_vector_that_is_not_of_length_one_is_named(wrong: float) -> None:
    vectors = unit(3, 4)
    vectors[1] = wrong
    with pytest.raises(InputError, match="sample b in view 'hflip'"):
        require_unit(vectors, np.array(["a", "b", "c"]), "hflip")
