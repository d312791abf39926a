from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import kurtosis
from scipy.stats import t as student

from eval.statistics.intervals import (
    STEADY_AREA,
    Trials,
    area_interval,
    area_trials,
    basic_interval,
    bca_interval,
    effective_trials,
    effective_units,
    percentile_interval,
    widen_by_wilson,
)


def test_trials_of_unequal_units_and_parts() -> None:
    even = np.full((1, 8), 1 / 8)
    assert effective_trials(even, np.array([40.0])) == pytest.approx((3 * 8, 40))
    assert effective_trials(even, np.array([16.0])) == pytest.approx((16, 16))  # two observations of each
    lone = np.array([[0.93, *[0.01] * 7]])
    assert effective_units(lone) < 1.2
    few_and_many = np.concatenate([[[0.5] * 2 + [0] * 98], [[0] * 2 + [1 / 98] * 98]])
    least, most = effective_trials(few_and_many, np.array([4.0, 980.0]))
    assert effective_units(few_and_many) == pytest.approx(1 / (2 * 0.25**2 + 98 * (1 / 196) ** 2))
    assert least == pytest.approx(most)
    assert most == pytest.approx(1 / (4 * (1 / 8) ** 2 + 980 * (1 / 1960) ** 2))


def test_the_interval_grows_steadily_as_errors_become_few() -> None:
    values = 1 - np.linspace(0, 0.3, 400)
    variance = values * (1 - values) / 100  # 100 trials, of 30 people
    trials = Trials(np.full(400, 30.0), np.full(400, 100.0))
    low = widen_by_wilson(values, np.stack([values, values], axis=1), variance, trials, 29)[:, 0]
    assert (np.diff(low) < 0).all()
    assert np.abs(np.diff(low)).max() < 0.003


def test_the_end_away_from_the_nearer_bound_is_widened() -> None:
    values = np.array([0, 0.2, 0.5, 0.8, 1])
    ends = np.stack([values, values], axis=1)
    found = widen_by_wilson(values, ends, np.full(5, 0.01), Trials(np.full(5, 9.0), np.full(5, 50.0)), 8)
    assert (found[:, 0] < values).tolist() == [False, False, True, True, True]
    assert (found[:, 1] > values).tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(found, 1 - found[::-1, ::-1])


def slow_area_ends(value: float, left_out: list[float], trials: float) -> tuple[float, float]:
    """One area above one half, number by number; Wilson's end by bisection."""
    n, error = len(left_out), 1 - value
    mean = sum(left_out) / n
    variance = (n - 1) / n * sum((each - mean) ** 2 for each in left_out)
    t = float(student.ppf(0.975, n - 1))
    odds = error / value
    low, high = (odds * math.exp(sign * t * math.sqrt(variance) / (error * value)) for sign in (-1, 1))
    trials /= max(1 - error**2 / variance / STEADY_AREA, 1e-12)
    inside, outside = error, 1.0
    for _ in range(60):
        rate = (inside + outside) / 2
        near = (rate - error) ** 2 <= t**2 * rate * (1 - rate) / trials
        inside, outside = (rate, outside) if near else (inside, rate)
    far = error + math.hypot(high / (1 + high) - error, inside - error)
    return 1 - min(far, 1), 1 - low / (1 + low)


@pytest.mark.parametrize(("value", "spread"), [(0.97, 0.003), (0.9, 0.001), (0.7, 0.02), (0.55, 0.1)])
def test_the_interval_of_an_area_is_that_of_a_slow_formula(value: float, spread: float) -> None:
    left_out = value + spread * np.random.default_rng(0).standard_normal(13)
    found = area_interval(np.array([value]), left_out[:, None], np.array([169.0]), 12)
    assert found[0] == pytest.approx(slow_area_ends(value, left_out.tolist(), 169))
    turned = area_interval(np.array([1 - value]), 1 - left_out[:, None], np.array([169.0]), 12)
    assert turned[0] == pytest.approx(1 - found[0, ::-1])


def test_an_area_of_1_has_an_interval_and_a_spread_that_is_not_known_has_no_end() -> None:
    for n, expected in ((2, 0.024), (3, 0.327), (6, 0.845), (13, 0.970), (100, 0.9967)):
        found = area_interval(np.ones(1), np.ones((n, 1)), np.array([area_trials(n)]), n - 1)
        assert found[0] == pytest.approx([expected, 1], abs=0.002)
    low, high = area_interval(np.array([0.9]), np.zeros((0, 1)), np.array([4.0]), 1)[0]
    assert low < 0.1
    assert high == 1


@given(st.floats(0, 1), st.floats(0, 0.3), st.integers(2, 40))
@settings(max_examples=100, deadline=None)
def test_an_area_is_in_its_interval(value: float, spread: float, n: int) -> None:
    left_out = np.clip(value + spread * np.random.default_rng(n).standard_normal((n, 1)), 0, 1)
    low, high = area_interval(np.array([value]), left_out, np.array([float(n * n)]), n - 1)[0]
    assert 0 <= low <= value + 1e-12
    assert value - 1e-12 <= high <= 1
    assert low < high


def test_fewer_degrees_of_freedom_where_one_unit_makes_the_spread() -> None:
    estimates = np.random.default_rng(3).normal(0.5, 0.05, (4000, 1))
    even = np.where(np.arange(20) % 2, 0.49, 0.51)[:, None]
    lone = np.append(np.full(19, 0.5), [0.4])[:, None]
    even_width, lone_width = (np.ptp(bca_interval(np.array([0.5]), estimates, x, 20)) for x in (even, lone))
    assert lone_width > 1.3 * even_width


def test_the_bca_interval_is_scipys_at_the_expanded_level() -> None:
    sample = np.random.default_rng(2).gamma(0.5, size=14)
    freedom = 2 / (kurtosis(sample) / 14 + 2 / 13)
    assert freedom < 13
    level = float(1 - 2 * ndtr(np.sqrt(14 / 13) * student.ppf(0.025, freedom)))
    expected = scipy_bootstrap(
        (sample,), np.mean, n_resamples=999, method="BCa", confidence_level=level, rng=np.random.default_rng(0)
    )
    left_out = np.array([[np.delete(sample, at).mean()] for at in range(14)])
    estimates = expected.bootstrap_distribution[:, None]
    found = bca_interval(np.array([sample.mean()]), estimates, left_out, 14)
    assert found[0] == pytest.approx(expected.confidence_interval, rel=1e-9)


def test_the_interval_of_few_is_wider_and_leans_towards_the_rare_error() -> None:
    estimates = np.random.default_rng(3).normal(0.5, 0.05, (4000, 1))
    value, even = np.array([0.5]), np.where(np.arange(1000) % 2, 0.4, 0.6)[:, None]
    widths = [np.ptp(bca_interval(value, estimates, even[:units], units)) for units in (5, 15, 1000)]
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] == pytest.approx(2 * 1.96 * 0.05, rel=0.05)
    hard = np.array([[0.45], *[[0.51]] * 9]) * -1  # one unit without which the figure would be much better
    leaning = bca_interval(value, estimates, hard, 10)[0]
    assert 0.5 - leaning[0] > leaning[1] - 0.5


def test_a_value_beside_its_resamples_stays_in_its_interval() -> None:
    estimates = np.linspace(0.2, 0.4, 50)[:, None]
    low, high = bca_interval(np.array([0.5]), estimates, np.zeros((0, 1)), 30)[0]
    assert 0.2 <= low < high == 0.5
    same = bca_interval(np.array([0.3]), np.full((50, 1), 0.3), np.full((4, 1), 0.3), 4)
    assert same[0] == pytest.approx([0.3, 0.3])


def test_the_basic_interval_mirrors_the_percentiles_at_the_value() -> None:
    estimates = np.random.default_rng(0).gamma(2.0, size=(4000, 2))
    percentiles = percentile_interval(estimates, 10**9)
    assert percentiles == pytest.approx(np.quantile(estimates, [0.025, 0.975], axis=0).T, rel=1e-4)
    basic = basic_interval(np.array([1.5, 9.0]), estimates, 10**9)
    assert basic[0] == pytest.approx(3 - percentiles[0, ::-1])
    assert basic[1] == pytest.approx([9, 18 - percentiles[1, 0]])  # 18 - the upper quantile is above the value
