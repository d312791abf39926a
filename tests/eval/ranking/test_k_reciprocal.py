from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.ranking import k_reciprocal as rerank
from eval.ranking import neighbours, sums_of_minima
from eval.ranking.k_reciprocal import KReciprocal, rerank_blocks
from eval.ranking.rank_gallery import Side, rank_queries
from eval.scorers import similarity
from tests.support.ranking_problems import golden, slow_metrics
from tests.support.sample_stores import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Int64


def scores_of(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], how: KReciprocal, own: Int64 | None = None
) -> NDArray[np.float32]:
    blocks = [(start, scores.copy()) for start, scores in rerank_blocks(queries, gallery, how, own)]
    assert [start for start, _ in blocks] == np.cumsum([0, *(len(scores) for _, scores in blocks)])[:-1].tolist()
    return np.concatenate([scores for _, scores in blocks])


def slow_distances(squared: NDArray[np.float64], queries: int, how: KReciprocal) -> NDArray[np.float64]:
    """The paper's equations in order, with sets and dense vectors, and the departures that the module lists.

    ``squared`` (n, n) are squared distances of all images, queries first.
    """
    n = len(squared)
    scaled = squared / squared.max(axis=1, keepdims=True)
    order = [[i] + [j for j in sorted(range(n), key=lambda j: (squared[i, j], j)) if j != i] for i in range(n)]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

    half = int(np.around(how.k1 / 2))
    encoding = np.zeros((n, n))
    for i in range(n):
        core = reciprocal(i, how.k1)
        members = set(core)
        for j in core:
            candidate = reciprocal(j, half)
            if len(candidate & core) / len(candidate) > 2 / 3 + 1e-9:
                members |= candidate
        for j in members:
            encoding[i, j] = np.exp(-scaled[i, j])
        encoding[i] /= encoding[i].sum()
    expanded = np.array([encoding[order[i][: how.k2]].mean(axis=0) for i in range(n)])
    final = np.empty((queries, n - queries))
    for q in range(queries):
        for g in range(queries, n):
            both = np.minimum(expanded[q], expanded[g]).sum() / np.maximum(expanded[q], expanded[g]).sum()
            final[q, g - queries] = (1 - how.weight) * (1 - both) + how.weight * scaled[q, g]
    return final


def squared_distances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    squared: NDArray[np.float64] = np.square(exact[:, None] - exact[None]).sum(axis=2)
    return squared


@pytest.mark.parametrize(
    ("how", "rank_1", "mean_ap"),
    [(KReciprocal(20, 6, 0.3), 0.575, 0.492123), (KReciprocal(50, 15, 0.3), 0.55, 0.488356)],
)
def test_golden_numbers(how: KReciprocal, rank_1: float, mean_ap: float) -> None:
    problem = golden()
    identity, camera = np.array(problem.identity, np.int64), np.array(problem.camera, np.int64)
    query, gallery = (
        Side(problem.vectors[rows], identity[rows], camera[rows]) for rows in (slice(40), slice(40, None))
    )
    ranked = rank_queries(query, gallery, blocks=lambda q, g: rerank_blocks(q, g, how))
    found = slow_metrics([ranks.stable.tolist() for ranks in ranked.ranks.queries()], "step")
    assert (found["rank_1"], found["mean_ap"]) == pytest.approx((rank_1, mean_ap), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 60),
    queries=st.integers(1, 8),
    seed=st.integers(0, 2**32 - 1),
    k1=st.integers(1, 25),
    k2=st.integers(1, 25),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
    block=st.sampled_from([600, 9_000, 1 << 26]),
    rows=st.sampled_from([5, 2048]),
)
def test_equals_the_dense_equations(
    n: int, queries: int, seed: int, k1: int, k2: int, weight: float, block: int, rows: int
) -> None:
    raw = np.random.default_rng(seed).standard_normal((n + queries, 6))
    raw[:, 0] += np.arange(n + queries) % 4
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    how = KReciprocal(k1, k2, weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK_BYTES", block)
        patch.setattr(rerank, "ROWS_AT_ONCE", rows)
        patch.setattr(sums_of_minima, "TERMS_AT_ONCE", block)
        found = scores_of(vectors[:queries], vectors[queries:], how)
    assert found.dtype == np.float32
    assert 1 - found == pytest.approx(slow_distances(squared_distances(vectors), queries, how), abs=2e-5)


def test_only_the_distance_counts_with_lambda_one() -> None:
    vectors = unit(90, 8).vectors
    plain = np.argsort(-(vectors[:10] @ vectors[10:].T), axis=1)
    assert (np.argsort(-scores_of(vectors[:10], vectors[10:], KReciprocal(weight=1.0)), axis=1) == plain).all()


def test_order_of_the_gallery_does_not_matter() -> None:
    vectors, order = unit(120, 8, seed=3).vectors, np.random.default_rng(1).permutation(100)
    found = scores_of(vectors[:20], vectors[20:], KReciprocal(8, 3, 0.3))
    assert scores_of(vectors[:20], vectors[20:][order], KReciprocal(8, 3, 0.3)) == pytest.approx(
        found[:, order], abs=1e-6
    )


def test_a_query_that_is_in_the_gallery_is_one_image() -> None:
    """Leave-one-out: the same images as both sides give what the square problem gives."""
    vectors = unit(40, 6, seed=5).vectors
    how = KReciprocal(6, 3, 0.3)
    found = scores_of(vectors, vectors, how, np.arange(40))
    squared = squared_distances(vectors)
    for query in (0, 17, 39):
        others = np.delete(np.arange(40), query)
        slow = slow_distances(squared[np.ix_([query, *others], [query, *others])], 1, how)[0]
        assert 1 - found[query, others] == pytest.approx(slow, abs=2e-5)


def test_equal_images_and_a_single_one_are_no_trouble() -> None:
    same = np.full((30, 4), 0.5, np.float32)
    assert np.isfinite(scores_of(same[:5], same[5:], KReciprocal())).all()
    assert scores_of(same[:1], same[1:2], KReciprocal()) == pytest.approx(1.0)


def test_no_query_and_no_gallery() -> None:
    vectors, nothing = unit(5, 4).vectors, np.empty((0, 4), np.float32)
    assert scores_of(vectors, nothing, KReciprocal()).shape == (5, 0)
    assert list(rerank_blocks(nothing, vectors)) == list(rerank_blocks(nothing, nothing)) == []


def test_the_same_bytes_twice() -> None:
    vectors = unit(300, 16).vectors
    once, again = (scores_of(vectors[:50], vectors[50:], KReciprocal()) for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_memory_has_no_square_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (neighbours, similarity):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 20)
    vectors = unit(6000, 8).vectors
    tracemalloc.start()
    for _ in rerank_blocks(vectors[:200], vectors[200:]):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 3
