from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.scorers import pooling, similarity
from eval.scorers.pooling import PoolMethod, pool_scores
from retrieval.errors import InputError
from tests.support.class_banks import bank_of, directions, ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.scorer import ClassBank

POOLS: tuple[PoolMethod, ...] = get_args(PoolMethod)
seeds = st.integers(0, 2**32 - 1)


def slow_score(query: NDArray[np.float64], prompts: NDArray[np.float64], pool: PoolMethod, temperature: float) -> float:
    """The formulas of the module, for one query and the prompts of one class."""
    similarities = [float(query @ prompt) for prompt in prompts]
    if pool == "max":
        return max(similarities)
    if pool == "mean-score":
        return sum(similarities) / len(similarities)
    if pool == "mean-embedding":
        mean = sum(prompt / np.linalg.norm(prompt) for prompt in prompts) / len(prompts)
        return float(query @ (mean / np.linalg.norm(mean)))
    raw = [np.exp((each - max(similarities)) / temperature) for each in similarities]
    total = sum(raw)
    return float(sum(weight / total * each for weight, each in zip(raw, similarities, strict=True)))


def slow_scores(
    queries: NDArray[np.float32], bank: ClassBank, classes: int, pool: PoolMethod, temperature: float = 1.0
) -> NDArray[np.float64]:
    found = np.full((len(queries), classes), -np.inf)
    for code in set(bank.edge_class.tolist()):
        prompts = bank.vectors[bank.edge_vector[bank.edge_class == code]].astype(np.float64)
        for row, query in enumerate(queries.astype(np.float64)):
            found[row, code] = slow_score(query, prompts, pool, temperature)
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    queries=st.integers(0, 7),
    texts=st.integers(1, 12),
    classes=st.integers(1, 6),
    temperatures=st.lists(st.floats(0.005, 10), max_size=4),
    block=st.sampled_from([1, 150, 1 << 20]),
)
def test_equals_the_formulas(
    seed: int, queries: int, texts: int, classes: int, temperatures: list[float], block: int
) -> None:
    rng = np.random.default_rng(seed)
    bank, vectors = ragged(rng, texts, classes), directions(rng, queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "CHUNK_BYTES", block)
        patch.setattr(similarity, "BLOCK_BYTES", 2 * block)
        soft = pool_scores(vectors, bank, classes, "softmax", temperatures)
        others = {pool: pool_scores(vectors, bank, classes, pool) for pool in POOLS if pool != "softmax"}
    assert soft.dtype == np.float32
    assert soft.shape == (len(temperatures), queries, classes)
    for scores, temperature in zip(soft, temperatures, strict=True):
        np.testing.assert_allclose(scores, slow_scores(vectors, bank, classes, "softmax", temperature), atol=1e-5)
    for pool, found in others.items():
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, slow_scores(vectors, bank, classes, pool)[None], atol=1e-5)


def test_a_class_of_many_prompts_keeps_its_digits() -> None:
    """Thousands of nearly equal weights are summed in float32."""
    rng = np.random.default_rng(1)
    bank = bank_of(directions(rng, 6000), [(text % 7 == 0, text) for text in range(6000)])
    queries = directions(rng, 1)
    for temperature in (0.005, 0.05, 10.0):
        found = pool_scores(queries, bank, 2, "softmax", [temperature])[0]
        np.testing.assert_allclose(found, slow_scores(queries, bank, 2, "softmax", temperature), atol=1e-5)


@given(seed=seeds, classes=st.integers(1, 6))
def test_one_prompt_per_class_makes_all_pools_equal(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    bank = bank_of(directions(rng, classes), [(code, code) for code in range(classes)])
    queries = directions(rng, 4)
    cosines = queries @ bank.vectors.T
    for pool in POOLS:
        found = pool_scores(queries, bank, classes, pool, [0.01, 1.0] if pool == "softmax" else [])
        np.testing.assert_allclose(found, np.broadcast_to(cosines, found.shape), atol=1e-6)


@given(seed=seeds, texts=st.integers(1, 12), classes=st.integers(1, 6))
def test_temperature_leads_from_the_nearest_prompt_to_all(seed: int, texts: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    bank, queries = ragged(rng, texts, classes), directions(rng, 4)
    (largest,), (mean,) = (pool_scores(queries, bank, classes, pool) for pool in ("max", "mean-score"))
    soft = pool_scores(queries, bank, classes, "softmax", [1e-6, 0.05, 0.2, 1.0, 1e6])
    has = np.isfinite(largest[0])
    np.testing.assert_allclose(soft[0], largest, atol=1e-5)
    np.testing.assert_allclose(soft[-1], mean, atol=1e-5)
    assert (np.diff(soft[:, :, has], axis=0) <= 1e-6).all()


@given(seed=seeds)
def test_order_of_prompts_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank, queries, order = ragged(rng, 9, 4), directions(rng, 3), rng.permutation(9)
    place = np.argsort(order)
    edges = [(int(c), int(place[t])) for c, t in zip(bank.edge_class, bank.edge_vector, strict=True)]
    shuffled = bank_of(bank.vectors[order], edges)
    for pool in POOLS:
        first, again = (pool_scores(queries, each, 4, pool, [0.1]) for each in (bank, shuffled))
        np.testing.assert_allclose(first, again, atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
def test_classes_with_the_same_prompts_tie_exactly(pool: PoolMethod) -> None:
    """Also where two texts have one vector: text towers do not tell capitals."""
    rng = np.random.default_rng(2)
    vectors = directions(rng, 40, 64)
    vectors[30:] = vectors[:10]
    edges = (
        [(c, t) for c in (0, 1) for t in range(10)] + [(2, t) for t in range(30, 40)] + [(3, t) for t in range(10, 30)]
    )
    scores = pool_scores(directions(rng, 501, 64), bank_of(vectors, edges), 4, pool, [0.05])[0]
    assert (scores[:, :2] == scores[:, [2]]).all()


def test_mean_embedding_weighs_directions_and_mean_score_lengths() -> None:
    """Two prompts at right angles: their mean has length 1 / sqrt(2), which only mean-score keeps."""
    bank = bank_of(np.eye(2, dtype=np.float32), [(0, 0), (0, 1)])
    query = np.array([[0.5**0.5, 0.5**0.5]], np.float32)
    assert pool_scores(query, bank, 1, "mean-embedding") == pytest.approx(1.0)
    assert pool_scores(query, bank, 1, "mean-score") == pytest.approx(0.5**0.5)


def test_prompts_that_cancel_have_no_mean_direction() -> None:
    vectors = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    query = np.array([[0.6, 0.8]], np.float32)
    one_left = bank_of(vectors, [(0, 0), (0, 1), (1, 2)])
    assert pool_scores(query, one_left, 2, "mean-embedding")[0, 0].tolist() == pytest.approx([-np.inf, 0.8])
    assert pool_scores(query, one_left, 2, "mean-score")[0, 0].tolist() == pytest.approx([0, 0.8])
    with pytest.raises(InputError, match="cancel; take another pool"):
        pool_scores(query, bank_of(vectors, [(0, 0), (0, 1)]), 2, "mean-embedding")


@pytest.mark.parametrize("pool", POOLS)
def test_banks_that_are_not_prompts_are_refused(pool: PoolMethod) -> None:
    queries, edges = np.eye(2, dtype=np.float32), [(0, 0), (1, 1)]
    broken = np.array([[1, 0], [np.nan, 0]], np.float32)
    biased = bank_of(queries, edges, bias=np.zeros(2, np.float32))
    for bank in (bank_of(2 * queries, edges), bank_of(broken, edges), bank_of(0 * queries, edges), biased):
        with pytest.raises(InputError, match="not of length one"):
            pool_scores(queries, bank, 2, pool, [0.1])
    with pytest.raises(InputError, match="no vector for any class"):
        pool_scores(queries, bank_of(queries, []), 2, pool, [0.1])


def test_memory_is_that_of_the_result_and_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 1 << 20)
    monkeypatch.setattr(pooling, "CHUNK_BYTES", 1 << 18)
    rng = np.random.default_rng(0)
    bank, queries = ragged(rng, 3000, 5, 0.5), directions(rng, 4000)
    tracemalloc.start()
    pool_scores(queries, bank, 5, "softmax", [0.05, 0.1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20 < queries.shape[0] * 3000 * 4
