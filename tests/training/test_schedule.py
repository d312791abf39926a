"""The learning rate over a stage."""

from __future__ import annotations

import math

import pytest

from training.schedule import Moment, constant, cosine


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine() -> None:
    schedule = cosine(warm_up=0.1, final=0.01)
    rates = [schedule(1.0, Moment(step // 20, 5, step % 20, 20)) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.01 <= rates[-1] < 0.012


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert cosine(warm_up=0, final=0.01)(0.5, Moment(0, 1, 0, 1)) == 0.5


def test_a_constant_rate() -> None:
    assert constant(0.3, Moment(3, 5, 1, 2)) == 0.3
