"""Scores of held-out identities against loops."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from training.jobs.reid.held_out import held_out_metrics, one_of_each
from training.jobs.reid.recipe import HeldOutConfig

RNG = np.random.default_rng(0)
IDENTITIES = np.array([5, 7, 5, 7, 7, 9, 2, 2, 2])  # 9 has one image
VECTORS = RNG.normal(size=(9, 4)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def _slow(query: int, gallery: list[int]) -> tuple[float, float]:
    """Rank-1 and average precision of a query."""
    order = sorted((row for row in gallery if row != query), key=lambda row: -float(VECTORS[query] @ VECTORS[row]))
    right = [IDENTITIES[row] == IDENTITIES[query] for row in order]
    precisions = [sum(right[: place + 1]) / (place + 1) for place, hit in enumerate(right) if hit]
    return float(right[0]), sum(precisions) / len(precisions)


def test_leave_one_out() -> None:
    queries = [row for row in range(9) if IDENTITIES[row] != 9]
    expected = np.mean([_slow(query, list(range(9))) for query in queries], axis=0)
    metrics = held_out_metrics(VECTORS, IDENTITIES, HeldOutConfig(), seed=0)
    assert [metrics["rank_1"], metrics["mean_ap"]] == pytest.approx(expected.tolist())


def test_a_single_image_of_each_identity_in_several_draws() -> None:
    rng, values = np.random.default_rng(3), []
    for _ in range(4):
        gallery = one_of_each(IDENTITIES, rng).tolist()
        assert sorted(IDENTITIES[gallery]) == [2, 5, 7, 9]
        values += [_slow(query, gallery) for query in range(9) if query not in gallery]
    metrics = held_out_metrics(VECTORS, IDENTITIES, HeldOutConfig(gallery="single", draws=4), seed=3)
    assert [metrics["rank_1"], metrics["mean_ap"]] == pytest.approx(np.mean(values, axis=0).tolist())


def test_without_pairs_there_is_no_score() -> None:
    assert held_out_metrics(VECTORS, np.arange(9), HeldOutConfig(), seed=0) == {}
    assert held_out_metrics(VECTORS[:0], IDENTITIES[:0], HeldOutConfig(), seed=0) == {}


@pytest.mark.parametrize("gallery", ["leave_one_out", "single"])
def test_a_single_identity_has_no_score_since_it_would_always_be_right(
    gallery: Literal["leave_one_out", "single"],
) -> None:
    how = HeldOutConfig(gallery=gallery)
    assert held_out_metrics(VECTORS, np.zeros(9, np.int64), how, seed=0) == {}
    assert held_out_metrics(VECTORS, np.array([0, 0, 0, 0, 0, 0, 0, 0, 1]), how, seed=0) == {}
    assert held_out_metrics(VECTORS, np.array([0, 0, 0, 0, 0, 0, 0, 1, 1]), how, seed=0)
