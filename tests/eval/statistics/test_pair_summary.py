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
from tests.support.coverage_designs import Design, verification


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


@pytest.mark.parametrize(
    ("population", "noise", "truth", "sets"),
    [("scores", 2.2, 0.90, 100), ("scores", 2.8, 0.95, 100), ("scores", 3.5, 0.98, 100), ("even", 0.68, 0.98, 200)],
)
def test_thirteen_people_know_their_auc(population: str, noise: float, truth: float, sets: int) -> None:
    """Intervals hold the AUC of all people in 93 to 99 of 100 test sets, and are at most twice as wide as 95 of 100
    estimates: three standard errors are 6 points. Wilson's interval of 13 trials was 1.5 to 4.7 times as wide."""
    rng = np.random.default_rng(1)
    found = [verification(Design("verification", 13, population, noise), rng, 10)["auc"] for _ in range(sets)]
    values, ends = np.array([each.value for each in found]), np.array([each.ci95 for each in found])
    assert values.mean() == pytest.approx(truth, abs=0.01)
    held = ((ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])).mean()
    assert held >= (0.93 - 0.05 if sets > 100 else 0.93 - 0.06)
    ratio = np.median(np.ptp(ends, axis=1)) / np.ptp(np.quantile(values, [0.025, 0.975]))
    assert 1 < ratio < 2


@pytest.mark.parametrize("people", [2, 3, 6, 13])
def test_all_pairs_apart_is_no_certainty(people: int) -> None:
    """AUC and TPR are 1, EER is 0; of two people nearly everything is possible."""
    first, second = np.triu_indices(people, 1)
    genuine = ScoredPairs(np.full(people, 2.0), np.arange(people), np.full(people, FIXED), np.ones(people))
    scores = np.linspace(-1, 0, len(first))
    made = PairProblem(genuine, ScoredPairs(scores, first, second, np.ones(len(first))))
    draw = DrawScores(PairScores(tally(genuine.scores), tally(scores), made), None, None)
    found = summarise_draws(TargetRates((0.01,), ()), {"": [draw]}, people, 200, np.random.default_rng(0)).whole.metrics
    for name, other in (("auc", 0), ("tpr_at_fpr_0.01", 0), ("eer", 1), ("fnmr_at_fmr_0.01", 1)):
        ends = found[name].ci95 or (0, 0)
        assert ends[1 - other] == found[name].value == pytest.approx(1 - other)
        reach = abs(ends[other] - found[name].value)
        assert (0.01 if name == "auc" else 0.2) < reach < 1
        assert people > 2 or reach > 0.97


def test_one_person_has_no_interval() -> None:
    genuine = ScoredPairs(np.ones(3), np.zeros(3, int), np.full(3, FIXED), np.ones(3))
    impostor = ScoredPairs(np.zeros(4), np.zeros(4, int), np.arange(1, 5), np.ones(4))
    draw = DrawScores(
        PairScores(tally(genuine.scores), tally(impostor.scores), PairProblem(genuine, impostor)), None, None
    )
    found = summarise_draws(TargetRates((0.01,), ()), {"": [draw]}, 5, 200, np.random.default_rng(0)).whole.metrics
    assert all(metric.ci95 is None for metric in found.values())
