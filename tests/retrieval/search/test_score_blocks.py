"""Blocks of scores: every row once, the scores of the whole product, bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.search import score_blocks as module
from retrieval.search.score_blocks import score_blocks

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64

rng = np.random.default_rng(0)
DATA = rng.standard_normal((500, 8)).astype(np.float32)
QUERIES = rng.standard_normal((6, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_SCORES", 128)


def joined(rows: Int64 | None, exclude: list[Int64] | None = None) -> tuple[Int64, Float32]:
    blocks = [(block, scores.copy()) for block, scores in score_blocks(QUERIES, DATA, rows, exclude)]
    assert max(scores.size for _, scores in blocks) <= 128
    return np.concatenate([block for block, _ in blocks]), np.concatenate([scores for _, scores in blocks])


@pytest.mark.parametrize("few", [0, 6])
@pytest.mark.parametrize("share", [None, 0.03, 0.5, 0.95])
def test_rows_come_once_with_the_scores_of_the_whole_product(
    share: float | None, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW", few)
    chosen = None if share is None else np.flatnonzero(rng.random(500) < share)
    rows, scores = joined(chosen)
    assert np.array_equal(rows, np.arange(500) if chosen is None else chosen)
    np.testing.assert_allclose(scores, DATA[rows] @ QUERIES.T, atol=1e-5)


def test_excluded_pairs_are_minus_infinity() -> None:
    chosen = np.arange(1, 500, 3)
    exclude = [rng.permutation(500)[:count] for count in (0, 1, 5, 50, 400, 500)]
    rows, scores = joined(chosen, exclude)
    barred = np.stack([np.isin(rows, excluded) for excluded in exclude], axis=1)
    assert np.array_equal(np.isneginf(scores), barred)


def test_a_block_has_a_row_even_of_many_queries() -> None:
    queries = np.ones((200, 8), np.float32)
    blocks = [len(rows) for rows, _ in score_blocks(queries, DATA[:5])]
    assert blocks == [1] * 5
