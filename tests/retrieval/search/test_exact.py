"""Exact search against a slow reference: ties, filters, exclusions, shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.search import exact
from retrieval.search.exact import ExactIndex

if TYPE_CHECKING:
    import pytest

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
    exclude = [rng.permutation(n)[: rng.integers(0, min(n, 4) + 1)] for _ in range(q)] if draw(st.booleans()) else None
    k = draw(st.integers(1, n + 3))
    return data.astype(np.float32), queries.astype(np.float32), k, rng.permutation(n), rows, exclude


@settings(max_examples=150, deadline=None)
@given(problems())
def test_equals_the_slow_reference(
    problem: tuple[Float32, Float32, int, Int64, Int64 | None, list[Int64] | None],
) -> None:
    data, queries, k, order, rows, exclude = problem
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
    monkeypatch.setattr(exact, "GATHER_ROWS", 16)
    rng = np.random.default_rng(1)
    data, queries = rng.standard_normal((300, 4)).astype(np.float32), rng.standard_normal((9, 4)).astype(np.float32)
    rows = rng.permutation(300)[:200]
    found = ExactIndex(data, None, rows).search(queries, 20)
    want, _ = slow(data, queries, 20, np.arange(300), rows, None)
    assert found.rows.tolist() == want
