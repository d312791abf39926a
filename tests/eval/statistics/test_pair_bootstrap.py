from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import expit, logit

from eval.metrics.verification import area_under_roc, equal_error_rate, error_curve, tally
from eval.statistics.intervals import Trials, bca_interval
from eval.statistics.pair_bootstrap import (
    FIXED,
    LEFT_OUT_GROUPS,
    CurveEstimates,
    PairProblem,
    ResampledCurve,
    ScoredPairs,
    bootstrap_weights,
    count_couples,
    couple_fraction,
    equal_weights,
    jackknife_weights,
    pair_interval,
    threshold_grid,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


NO_AREA = np.array([False])


def problem(n: int, units: int, seed: int = 0) -> PairProblem:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, units, (2, n))
    other = np.where(first == second, FIXED, second)
    own = rng.integers(0, units, n // 4)
    fixed = np.full(len(own), FIXED)
    return PairProblem(
        ScoredPairs(rng.normal(0.3, 0.2, len(own)).round(2), own, fixed, np.ones(len(own))),
        ScoredPairs(rng.normal(0, 0.2, n).round(2), first, other, np.ones(n)),
    )


def repeated(pairs: ScoredPairs, times: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.repeat(pairs.scores, times[pairs.first] * times[pairs.second])


def slow_squares(pairs: ScoredPairs, threshold: float) -> tuple[float, float, float]:
    """Sums over pairs of pairs (a, b) that share a unit, of the same couple, and of (a, b) counted once per unit."""
    above = (pairs.scores > threshold) - (pairs.scores > threshold).mean()
    units = [
        {u for u in (first, second) if u != FIXED} for first, second in zip(pairs.first, pairs.second, strict=True)
    ]
    common = np.array([[len(a & b) for b in units] for a in units])
    both = np.array([[a == b and len(a) == 2 for b in units] for a in units])
    products = np.outer(above, above)
    return float(products[common > 0].sum()), float(products[both].sum()), float((products * common).sum())


def test_weights_are_repetitions() -> None:
    made, rng = problem(200, 12), np.random.default_rng(1)
    weights = bootstrap_weights(12, 20, rng)
    assert weights.values[:-1].sum(axis=0).tolist() == [12] * 20
    grid = threshold_grid(made)
    curve, times = ResampledCurve(made, grid).rates(weights), weights.values.astype(int)
    own = couple_fraction(made.impostor, grid)
    centre = np.array([(made.impostor.scores > threshold).mean() for threshold in grid])
    scale = np.sqrt((1 - own) / (1 + own))
    for at in range(20):
        slow = error_curve(*(tally(repeated(pairs, times[:, at])) for pairs in made))
        rows = np.searchsorted(slow.thresholds, grid, "right") - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = scale * (logit(slow.fmr[rows]) - logit(centre))
        moved = np.where((centre > 0) & (centre < 1), expit(logit(np.clip(centre, 1e-9, 1 - 1e-9)) + apart), centre)
        falling = [moved[row:].max() for row in range(len(grid))]
        assert curve.fmr[:, at] == pytest.approx(falling, abs=1e-6)
        assert curve.fnmr[:, at] == pytest.approx(slow.fnmr[rows], abs=1e-6)
    assert np.median(own) > 0.1
    assert own.max() <= 0.5


@pytest.mark.parametrize("seed", range(4))
def test_what_is_a_couples_own_is_counted_once(seed: int) -> None:
    made = problem(150, 9, seed).impostor
    grid = np.array([-np.inf, -0.2, 0.0, 0.15, 0.3, 0.9])
    for threshold, found in zip(grid, couple_fraction(made, grid), strict=True):
        dyadic, couples, units = slow_squares(made, threshold)
        assert units - couples == pytest.approx(dyadic, abs=1e-9)
        expected = couples / units * 7**2 / (9 * 8) if units > 1e-9 else 0
        assert found == pytest.approx(min(expected, 0.5), abs=1e-9)
    alone = ScoredPairs(made.scores, made.first, np.full(len(made.first), FIXED), made.counts)
    assert couple_fraction(alone, grid).tolist() == [0] * len(grid)
    twice = ScoredPairs(made.scores, made.first, made.second, 2 * made.counts)
    assert couple_fraction(twice, grid) == pytest.approx(couple_fraction(made, grid))


def test_couples_are_counted_whoever_comes_first() -> None:
    first, second = np.array([0, 1, 1, 2, 3, FIXED]), np.array([1, 0, 2, 1, FIXED, 4])
    assert count_couples(ScoredPairs(np.zeros(6), first, second, np.ones(6))) == 2 + 2
    none = np.zeros(0, int)
    assert count_couples(ScoredPairs(np.zeros(0), none, none, np.zeros(0))) == 0


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_resamples_spread_as_test_sets_do(spread: float) -> None:
    """Independent couples, and people some of whom are taken for everybody."""
    rng, units, grid = np.random.default_rng(3), 40, np.array([-np.inf, 0.5])
    first, second = np.triu_indices(units, 1)
    genuine = ScoredPairs(np.ones(units), np.arange(units), np.full(units, FIXED), np.ones(units))
    rates, deviations = [], []
    for at in range(400):
        person = spread * rng.standard_normal(units)
        scores = person[first] + person[second] + 0.4 * rng.standard_normal(len(first))
        made = PairProblem(genuine, ScoredPairs(scores, first, second, np.ones(len(first))))
        curve = ResampledCurve(made, grid).rates(bootstrap_weights(units, 60, np.random.default_rng(at)))
        rates.append((scores > 0.5).mean())
        deviations.append(curve.fmr[1].std())
    assert np.mean(deviations) == pytest.approx(np.std(rates), rel=0.12)


def test_the_grid_is_fine_enough() -> None:
    rng = np.random.default_rng(0)
    n, fixed = 50_000, np.full(50_000, FIXED)
    made = PairProblem(*(ScoredPairs(rng.normal(mean, 0.2, n), fixed, fixed, np.ones(n)) for mean in (0.3, 0)))
    grid = threshold_grid(made)
    assert len(grid) < 2000
    coarse = ResampledCurve(made, grid).rates(equal_weights(0))
    exact = error_curve(tally(made.genuine.scores), tally(made.impostor.scores))
    assert area_under_roc(coarse)[0] == pytest.approx(float(area_under_roc(exact)), abs=1e-4)
    assert equal_error_rate(coarse)[0] == pytest.approx(float(equal_error_rate(exact)), abs=1e-3)


def test_groups_left_out_are_resamples_without_them() -> None:
    assert jackknife_weights(3).values.tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
    many = jackknife_weights(450).values
    assert many.shape == (451, LEFT_OUT_GROUPS)
    assert (1 - many).sum(axis=0).tolist() == [3] * 50 + [2] * 150
    assert ((1 - many[:-1]).sum(axis=1) == 1).all()


def test_an_interval_moves_to_the_exact_value_and_leaves_nan_out() -> None:
    estimates = np.append(np.random.default_rng(0).normal(0.2, 0.02, (500, 1)), [[np.nan]], axis=0)
    left_out = np.array([[0.18], [0.22], [np.nan]])
    whole, units = np.array([0.2]), np.array([40.0])
    trials = Trials(units, 10 * units)
    found = pair_interval(np.array([0.5]), CurveEstimates(estimates, whole, left_out), trials, units, NO_AREA)
    assert found is not None
    plain = bca_interval(whole, estimates[:-1], left_out[:-1], 40) + 0.3
    wilson = 2.02 * (0.25 / 400) ** 0.5  # about, and no narrower: 400 trials at most
    assert found == pytest.approx(
        np.array([[min(plain[0, 0], 0.5 - wilson), max(plain[0, 1], 0.5 + wilson)]]), abs=1e-3
    )
    assert (
        pair_interval(np.array([0.5]), CurveEstimates(estimates[-1:], whole, left_out), trials, units, NO_AREA) is None
    )
    high = pair_interval(np.array([0.99]), CurveEstimates(estimates, whole, left_out), trials, units, NO_AREA)
    assert high is not None
    assert high[0, 1] == 1


def test_the_end_that_is_widened_is_that_of_the_value() -> None:
    """A curve on a grid may say 1 where the exact figure is near 0."""
    estimates, units = np.ones((50, 1)), np.array([10.0])
    found = pair_interval(
        np.array([0.1]), CurveEstimates(estimates, np.ones(1), estimates), Trials(units, units), units, NO_AREA
    )
    assert found is not None
    assert found[0, 0] == pytest.approx(0.1)
    assert found[0, 1] > 0.4
