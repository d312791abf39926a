"""Exact search against a slow reference: ties, filters, exclusions, shapes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.search import best_rows, exact, score_blocks
from retrieval.search.exact import ExactIndex
from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64


def slow(
    data: Float32, queries: Float32, k: int, order: Int64, rows: Int64 | None, exclude: list[Int64] | None
) -> tuple[list[list[int]], list[list[float]]]:
    """One query at a time, one row at a time, sorted by Python."""
    found, scores = [], []
    for at, query in enumerate(queries):
        allowed = range(len(data)) if rows is None else rows.tolist()
        barred = set() if exclude is None else set(exclude[at].tolist())
        scored = [
            (-float(np.float32(np.dot(query.astype(np.float64), data[row].astype(np.float64)))), int(order[row]), row)
            for row in allowed
            if row not in barred
        ]
        best = sorted(scored)[:k]
        found.append([row for _, _, row in best] + [-1] * (k - len(best)))
        scores.append([-score for score, _, _ in best] + [-np.inf] * (k - len(best)))
    return found, scores


@st.composite
def problems(draw: st.DrawFn) -> tuple[Float32, Float32, int, Int64, Int64 | None, list[Int64] | None]:
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    n, d, q = draw(st.integers(1, 60)), draw(st.integers(1, 6)), draw(st.integers(1, 25))
    # Few distinct values: many exact ties, also far beyond the k-th place.
    data = rng.integers(-1, 2, (n, d)).astype(np.float32) if draw(st.booleans()) else rng.standard_normal((n, d))
    queries = rng.integers(-1, 2, (q, d)).astype(np.float32) if draw(st.booleans()) else rng.standard_normal((q, d))
    rows = rng.permutation(n)[: rng.integers(0, n + 1)] if draw(st.booleans()) else None
    k = draw(st.integers(1, n + 3))
    barred = draw(st.sampled_from([0, 4, n]))
    exclude = [rng.permutation(n)[: rng.integers(0, barred + 1)] for _ in range(q)] if barred else None
    return data.astype(np.float32), queries.astype(np.float32), k, rng.permutation(n), rows, exclude


@settings(max_examples=200, deadline=None)
@given(problems(), st.sampled_from([1, 7, 16_384]), st.sampled_from([0, 1000]))
def test_equals_the_slow_reference(
    problem: tuple[Float32, Float32, int, Int64, Int64 | None, list[Int64] | None], block: int, least_new: int
) -> None:
    data, queries, k, order, rows, exclude = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_blocks, "BLOCK_ROWS", block)
        patch.setattr(best_rows, "LEAST_NEW", least_new)
        patch.setattr(exact, "QUERIES", 10)
        found = ExactIndex(data, order, rows).search(queries, k, exclude)
    want_rows, want_scores = slow(data, queries, k, order, rows, exclude)
    assert found.rows.tolist() == want_rows
    np.testing.assert_allclose(found.scores, want_scores, rtol=1e-6)


def test_a_thousand_equal_vectors_come_in_order_of_id() -> None:
    data = np.ones((1000, 8), np.float32)
    order = np.random.default_rng(0).permutation(1000)
    found = ExactIndex(data, order).search(data[:30], 10)
    assert (order[found.rows] == np.arange(10)).all()


def test_equal_vectors_tie_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((5000, 512)).astype(np.float32)
    twins = [17, 1023, 2048, 4999]
    data[twins] = data[17]
    for queries in (data[17:18], np.repeat(data[17:18], 64, axis=0)):
        found = ExactIndex(data).search(queries, 4)
        assert (found.rows == twins).all()
        assert (found.scores == found.scores[:, :1]).all()


def test_filters_wider_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_blocks, "BLOCK_ROWS", 16)
    rng = np.random.default_rng(1)
    data, queries = rng.standard_normal((300, 4)).astype(np.float32), rng.standard_normal((9, 4)).astype(np.float32)
    rows = rng.permutation(300)[:200]
    found = ExactIndex(data, None, rows).search(queries, 20)
    want, _ = slow(data, queries, 20, np.arange(300), rows, None)
    assert found.rows.tolist() == want


def test_rows_that_rise_towards_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block is better than those before, so that candidates are dropped all the time."""
    monkeypatch.setattr(score_blocks, "BLOCK_ROWS", 500)
    angles = np.linspace(1.5, 0, 8000)
    data = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    queries = np.tile(np.array([[1, 0]], np.float32), (50, 1))
    found = ExactIndex(data).search(queries, 30)
    want, _ = slow(data, queries[:1], 30, np.arange(8000), None, None)
    assert (found.rows == want[0]).all()


def test_most_rows_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """More ties than candidates are kept."""
    monkeypatch.setattr(score_blocks, "BLOCK_ROWS", 1000)
    data = np.full((6000, 3), 0.5, np.float32)
    data[[5900, 20]] = 0.6
    order = np.random.default_rng(3).permutation(6000)
    found = ExactIndex(data, order).search(data[:8], 5)
    best = sorted([20, 5900], key=lambda row: order[row])
    rest = [row for row in np.argsort(order).tolist() if row not in best][:3]
    assert found.rows.tolist() == [best + rest] * 8


def test_exact_search_loads_neither_faiss_nor_torch() -> None:
    code = (
        "import sys, numpy as np; from retrieval.search.exact import make_index\n"
        "make_index('exact', np.eye(3, dtype='float32')).search(np.eye(3, dtype='float32'), 2)\n"
        "sys.exit(bool({'faiss', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
