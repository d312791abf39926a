from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from eval.metrics.open_set import BestScores, mated_scores, unmated_scores
from eval.metrics.verification import (
    Tally,
    area_under_roc,
    equal_error_rate,
    error_curve,
    fnmr_at_fmr,
    tally,
    threshold_at_fmr,
    tpr_at_fpr,
)

few_values = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25)
many_values = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40)
both = st.one_of(st.tuples(few_values, few_values), st.tuples(many_values, many_values))


def slow_rates(genuine: list[float], impostor: list[float], threshold: float) -> tuple[float, float]:
    fmr = sum(score > threshold for score in impostor) / len(impostor)
    return fmr, sum(score <= threshold for score in genuine) / len(genuine)


def slow_points(genuine: list[float], impostor: list[float]) -> list[tuple[float, float]]:
    return [slow_rates(genuine, impostor, at) for at in (-np.inf, *sorted({*genuine, *impostor}))]


def slow_equal_error_rate(points: list[tuple[float, float]]) -> float:
    """Walk along the curve in many small steps of every straight piece until FNMR reaches FMR: by bisection."""
    for (fmr0, fnmr0), (fmr1, fnmr1) in pairwise(points):
        if fnmr1 >= fmr1:
            low, high = 0.0, 1.0
            for _ in range(60):
                mid = (low + high) / 2
                ahead = fnmr0 + mid * (fnmr1 - fnmr0) > fmr0 + mid * (fmr1 - fmr0)
                low, high = (low, mid) if ahead else (mid, high)
            return fmr0 + low * (fmr1 - fmr0)
    raise AssertionError


@given(both)
def test_equals_walking_over_thresholds(scores: tuple[list[float], list[float]]) -> None:
    genuine, impostor = scores
    curve = error_curve(tally(np.array(genuine)), tally(np.array(impostor)))
    points = slow_points(genuine, impostor)
    assert np.stack([curve.fmr, curve.fnmr], axis=1) == pytest.approx(np.array(points))
    assert equal_error_rate(curve) == pytest.approx(slow_equal_error_rate(points), abs=1e-9)
    for rate in (0.0, 0.1, 0.25, 1 / 3, 0.5):
        best = max(1 - fnmr for fmr, fnmr in points if fmr <= rate + 1e-12)
        assert tpr_at_fpr(curve, rate) == pytest.approx(best)
        fmr, fnmr = slow_rates(genuine, impostor, threshold_at_fmr(curve, rate))
        assert fmr <= rate + 1e-12
        assert fnmr == pytest.approx(1 - best)


@given(both)
def test_equals_scikit_learn(scores: tuple[list[float], list[float]]) -> None:
    genuine, impostor = scores
    truth = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    found = np.r_[genuine, impostor]
    curve = error_curve(tally(np.array(genuine)), tally(np.array(impostor)))
    assert area_under_roc(curve) == pytest.approx(roc_auc_score(truth, found), abs=1e-12)
    fpr, tpr, _ = roc_curve(truth, found, drop_intermediate=False)
    assert curve.fmr[::-1] == pytest.approx(fpr)
    assert (1 - curve.fnmr[::-1]) == pytest.approx(tpr)


@pytest.mark.parametrize(("fmr", "expected"), [(0.1, 0.4), (0.5, 0.2)])
def test_the_worked_example_of_oml(fmr: float, expected: float) -> None:
    genuine = tally(-np.array([0, 0, 1, 1, 2, 2, 5, 5, 9, 9.0]))
    impostor = tally(-np.array([3, 3, 4, 4, 6, 6, 7, 7, 8, 8.0]))
    assert fnmr_at_fmr(genuine, impostor, fmr) == pytest.approx(expected, abs=1e-12)


@given(both, st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.75]))
def test_the_quantile_is_numpys(scores: tuple[list[float], list[float]], fmr: float) -> None:
    genuine, impostor = np.array(scores[0]), np.array(scores[1])
    quantiles = np.quantile(impostor, 1 - fmr) + np.array([-1e-9, 1e-9])
    low, high = (float(np.mean(genuine <= quantile)) for quantile in quantiles)
    assert low - 1e-12 <= fnmr_at_fmr(tally(genuine), tally(impostor), fmr) <= high + 1e-12


@given(few_values, few_values, st.sampled_from([0.05, 0.1, 0.3, 0.5]))
def test_counts_are_repetitions(genuine: list[float], impostor: list[float], fmr: float) -> None:
    values, counts = np.unique(impostor, return_counts=True)
    own, repeated, counted = tally(np.array(genuine)), tally(np.array(impostor)), Tally(values, counts)
    assert fnmr_at_fmr(own, counted, fmr) == fnmr_at_fmr(own, repeated, fmr)
    assert error_curve(own, counted).fmr.tolist() == error_curve(own, repeated).fmr.tolist()


def test_perfect_and_useless() -> None:
    low, high = tally(np.array([0.1, 0.2])), tally(np.array([0.8, 0.9]))
    assert [area_under_roc(error_curve(high, low)), equal_error_rate(error_curve(high, low))] == [1, 0]
    assert [area_under_roc(error_curve(low, low)), equal_error_rate(error_curve(low, low))] == [0.5, 0.5]


def test_open_set_by_hand() -> None:
    # Found at rank 1 with .9; beaten by another; tied with another: two of three are never identified.
    mated = BestScores(np.array([0.9, 0.5, 0.7], np.float32), np.array([0.4, 0.6, 0.7], np.float32))
    unmated = BestScores(np.array([-np.inf, -np.inf], np.float32), np.array([0.3, 0.95], np.float32))
    curve = error_curve(tally(mated_scores(mated)), tally(unmated_scores(unmated)))
    assert 1 - tpr_at_fpr(curve, 0.5) == pytest.approx(2 / 3)  # threshold .3
    assert 1 - tpr_at_fpr(curve, 0.49) == pytest.approx(1)  # threshold .95
