from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.ranking.score_keys import BestKeys, keys_of, positions_of, scores_of

scored = st.lists(st.tuples(st.floats(-2, 2, width=32), st.integers(0, 2**32 - 1)), min_size=1, max_size=30)


@given(scored)
def test_keys_are_in_order_of_score_and_then_of_position(pairs: list[tuple[float, int]]) -> None:
    scores = np.array([score for score, _ in pairs], np.float32)
    positions = np.array([position for _, position in pairs], np.int64)
    keys = keys_of(scores, positions)
    assert scores_of(keys).tolist() == scores.tolist()
    assert positions_of(keys).tolist() == positions.tolist()
    by_key = sorted(range(len(pairs)), key=lambda at: -int(keys[at]))
    assert [pairs[at] for at in by_key] == sorted(pairs, key=lambda pair: (-pair[0], pair[1]))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 1000)), max_size=60), st.integers(1, 4), st.integers(1, 20))
def test_the_best_keys_of_every_row_are_kept(offers: list[tuple[int, int]], k: int, at_once: int) -> None:
    best = BestKeys(5, k)
    for start in range(0, len(offers), at_once):
        some = offers[start : start + at_once]
        scores = np.array([score for _, score in some], np.float32)
        best.offer(np.array([row for row, _ in some]), keys_of(scores, np.arange(start, start + len(some))))
    best.settle()
    for row in range(5):
        scores_of_row = sorted((float(score) for owner, score in offers if owner == row), reverse=True)
        kept = best.keys[row][best.keys[row] > 0]
        assert sorted(scores_of(kept).tolist(), reverse=True) == scores_of_row[:k]
        assert best.least[row] == (scores_of_row[k - 1] if len(scores_of_row) >= k else -np.inf)
