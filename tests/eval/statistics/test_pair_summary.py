"""Metrics of a verification with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaincinv

from eval.metrics.verification import tally
from eval.statistics.pair_bootstrap import (
    FIXED,
    PairProblem,
    ScoredPairs,
)
from eval.statistics.pair_summary import DrawScores, PairScores, TargetRates, summarise_draws


@pytest.mark.parametrize("wrong", [0, 1, 2, 3, 5, 10])
def test_a_rate_of_few_couples_may_be_far_smaller(wrong: int) -> None:
    """780 couples of 40 people, a few of whom are taken for each other: no end within that of Clopper and Pearson."""
    first, second = np.triu_indices(40, 1)
    scores = np.linspace(-1, 0, len(first))
    scores[np.random.default_rng(2).permutation(len(first))[:wrong]] = 0.5
    genuine = ScoredPairs(np.full(40, 2.0), np.arange(40), np.full(40, FIXED), np.ones(40))
    made = PairProblem(genuine, ScoredPairs(scores, first, second, np.ones(len(first))))
    draw = DrawScores(PairScores(tally(genuine.scores), tally(scores), made), None, 0.2)
    found = summarise_draws(TargetRates((0.01,), ()), {"": [draw]}, 40, 1000, np.random.default_rng(0)).whole.metrics
    low, high = found["threshold_fmr"].ci95 or (1, 0)
    assert low <= (betaincinv(wrong, 781 - wrong, 0.025) if wrong else 0)
    assert high >= betaincinv(wrong + 1, 780 - wrong, 0.975)
    assert high <= (wrong + 20) / 780
