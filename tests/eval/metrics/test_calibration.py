"""A temperature fitted to logits."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.calibration import TEMPERATURES, fit_temperature
from eval.metrics.probabilities import (
    ece,
    nll,
    softmax,
)
from retrieval.errors import InputError
from tests.support.class_metrics import logits_and_labels


def test_golden_temperature() -> None:
    rng = np.random.RandomState(0)
    base = rng.randn(1000, 5)
    likely = np.exp(base) / np.exp(base).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in likely])
    found = fit_temperature(2.5 * base, labels)
    assert found.temperature == pytest.approx(2.442977, abs=1e-5)
    assert (found.nll_before, found.nll_after) == pytest.approx((1.616062, 1.301635), abs=1e-6)
    assert (found.ece_before, found.ece_after) == pytest.approx((0.247283, 0.042297), abs=1e-6)
    assert (found.at_bound, found.rows, found.left_out) == (False, 1000, 0)
    probs = softmax(2.5 * base / found.temperature)
    assert ece(probs.max(axis=1), probs.argmax(axis=1) == labels) == pytest.approx(found.ece_after, abs=1e-6)
    assert nll(probs, labels).mean() == pytest.approx(found.nll_after, abs=1e-6)


def test_cosines_in_float32_have_their_temperature_found() -> None:
    """Raw cosines of CLIP lie near 0.25; their temperature is about 0.008, and float32 losses do not show it."""
    rng = np.random.default_rng(0)
    clean = rng.standard_normal((4000, 20))
    labels = (clean + rng.gumbel(size=clean.shape)).argmax(axis=1)  # drawn from softmax(clean)
    found = fit_temperature((0.25 + 0.008 * clean).astype(np.float32), labels)
    assert found.temperature == pytest.approx(0.008, rel=0.06)
    assert found.nll_after < found.nll_before - 0.3


def test_samples_that_cannot_be_answered_are_left_out_and_counted() -> None:
    logits, labels = logits_and_labels(500)
    plain = fit_temperature(logits, labels)
    more = np.concatenate([logits, logits[:3]])
    more[500, labels[0]] = -np.inf
    more[501:503] = -np.inf
    found = fit_temperature(more, np.concatenate([labels, labels[:3]]))
    assert found == plain._replace(left_out=3)


@pytest.mark.parametrize(("sign", "bound"), [(1, TEMPERATURES[0]), (-1, TEMPERATURES[1])])
def test_all_right_or_all_wrong_ends_at_a_bound(sign: int, bound: float) -> None:
    labels = np.arange(40) % 4
    found = fit_temperature(sign * np.eye(4)[labels], labels)
    assert found.at_bound
    assert found.temperature == pytest.approx(bound)
    assert found.nll_after == pytest.approx(0 if sign > 0 else np.log(4), abs=1e-3)


def test_too_little_to_fit_is_refused() -> None:
    logits, labels = logits_and_labels(20)
    with pytest.raises(InputError, match="there are samples of 1;"):
        fit_temperature(logits, np.zeros(20, np.int64))
    with pytest.raises(InputError, match="there are samples of 0;"):
        fit_temperature(logits[:0], labels[:0])
    logits[4, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        fit_temperature(logits, labels)
    with pytest.raises(InputError, match="outside the label universe"):
        fit_temperature(logits, labels + 1)
