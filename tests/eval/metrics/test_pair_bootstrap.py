from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.intervals import Trials, accelerated_ends
from eval.metrics.pair_bootstrap import (
    FIXED,
    LEFT_OUT_GROUPS,
    PairProblem,
    Pairs,
    Resampled,
    centred_interval,
    left_out_weights,
    resampled_curve,
    threshold_grid,
    unit_weights,
)
from eval.metrics.verification import area_under_roc, equal_error_rate, error_curve, tally


def problem(n: int, units: int, seed: int = 0) -> PairProblem:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, units, (2, n))
    other = np.where(first == second, FIXED, second)
    own = rng.integers(0, units, n // 4)
    fixed = np.full(len(own), FIXED)
    return PairProblem(
        Pairs(rng.normal(0.3, 0.2, len(own)).round(2), own, fixed, np.ones(len(own))),
        Pairs(rng.normal(0, 0.2, n).round(2), first, other, np.ones(n)),
    )


def test_weights_are_repetitions() -> None:
    made = problem(200, 12)
    weights = unit_weights(12, 20, np.random.default_rng(1))
    assert weights[:-1].sum(axis=0).tolist() == [12] * 20
    curve = resampled_curve(made, threshold_grid(made), weights)
    for at in range(20):
        times = weights[:, at].astype(int)
        copies = [
            np.repeat(pairs.scores, times[pairs.first] * times[pairs.second]) for pairs in (made.genuine, made.impostor)
        ]
        slow = error_curve(tally(copies[0]), tally(copies[1]))
        assert area_under_roc(curve)[at] == pytest.approx(area_under_roc(slow), abs=1e-9)
        assert equal_error_rate(curve)[at] == pytest.approx(equal_error_rate(slow), abs=1e-9)


def test_the_grid_is_fine_enough() -> None:
    rng = np.random.default_rng(0)
    n, fixed = 50_000, np.full(50_000, FIXED)
    made = PairProblem(*(Pairs(rng.normal(mean, 0.2, n), fixed, fixed, np.ones(n)) for mean in (0.3, 0)))
    grid = threshold_grid(made)
    assert len(grid) < 2000
    coarse = resampled_curve(made, grid, np.ones((1, 1), np.float32))
    exact = error_curve(tally(made.genuine.scores), tally(made.impostor.scores))
    assert area_under_roc(coarse)[0] == pytest.approx(float(area_under_roc(exact)), abs=1e-4)
    assert equal_error_rate(coarse)[0] == pytest.approx(float(equal_error_rate(exact)), abs=1e-3)


def test_groups_left_out_are_resamples_without_them() -> None:
    assert left_out_weights(3).tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
    many = left_out_weights(450)
    assert many.shape == (451, LEFT_OUT_GROUPS)
    assert (1 - many).sum(axis=0).tolist() == [3] * 50 + [2] * 150
    assert ((1 - many[:-1]).sum(axis=1) == 1).all()


def test_an_interval_moves_to_the_exact_value_and_leaves_nan_out() -> None:
    estimates = np.append(np.random.default_rng(0).normal(0.2, 0.02, (500, 1)), [[np.nan]], axis=0)
    left_out = np.array([[0.18], [0.22], [np.nan]])
    whole, units = np.array([0.2]), np.array([40.0])
    trials = Trials(units, 10 * units)
    found = centred_interval(np.array([0.5]), Resampled(estimates, whole, left_out), trials, units)
    assert found is not None
    plain = accelerated_ends(whole, estimates[:-1], left_out[:-1], 40) + 0.3
    wilson = 2.02 * (0.25 / 400) ** 0.5  # about, and no narrower: 400 trials at most
    assert found == pytest.approx(
        np.array([[min(plain[0, 0], 0.5 - wilson), max(plain[0, 1], 0.5 + wilson)]]), abs=1e-3
    )
    assert centred_interval(np.array([0.5]), Resampled(estimates[-1:], whole, left_out), trials, units) is None
    high = centred_interval(np.array([0.99]), Resampled(estimates, whole, left_out), trials, units)
    assert high is not None
    assert high[0, 1] == 1


def test_the_end_that_is_drawn_out_is_that_of_the_value() -> None:
    """A curve on a grid may say 1 where the exact figure is near 0."""
    estimates, units = np.ones((50, 1)), np.array([10.0])
    found = centred_interval(np.array([0.1]), Resampled(estimates, np.ones(1), estimates), Trials(units, units), units)
    assert found is not None
    assert found[0, 0] == pytest.approx(0.1)
    assert found[0, 1] > 0.4
