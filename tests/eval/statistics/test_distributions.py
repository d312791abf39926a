from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri, stdtrit

from eval.statistics.distributions import normal_cdf, normal_quantile, student_quantile


def test_normal_distribution_is_that_of_scipy() -> None:
    z, p = np.linspace(-9, 9, 300).reshape(3, 100), np.linspace(1e-9, 1 - 1e-9, 300)
    np.testing.assert_allclose(normal_cdf(z), ndtr(z), rtol=1e-12)
    np.testing.assert_allclose(normal_quantile(p), ndtri(p), atol=1e-14)
    assert normal_cdf(0.0) == 0.5


@pytest.mark.parametrize("p", [0.005, 0.025, 0.3, 0.5, 0.95])
def test_student_quantile_is_that_of_scipy(p: float) -> None:
    freedom = np.concatenate([np.linspace(1, 4, 60), np.geomspace(4, 1e9, 120), [199.9, 200, 200.1]])
    np.testing.assert_allclose(student_quantile(freedom, p), stdtrit(freedom, p), rtol=1e-10, atol=1e-12)


def test_quantiles_of_student_known_in_closed_form() -> None:
    """Of one degree of freedom the Cauchy distribution's, -cot(pi p); of two, (2 p - 1) / sqrt(2 p (1 - p))."""
    p = 0.025
    assert float(student_quantile(1, p)) == pytest.approx(-1 / np.tan(np.pi * p), rel=1e-12)
    assert float(student_quantile(2, p)) == pytest.approx((2 * p - 1) / np.sqrt(2 * p * (1 - p)), rel=1e-12)
    assert np.isnan(student_quantile(np.nan, p))
