"""The learning rate over a stage."""

from __future__ import annotations

import math

import pytest
import torch

from training.schedule import Moment, constant, cosine, level, one_cycle, stairs


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


def test_a_number_of_steps_to_warm_up_is_at_most_half_of_them() -> None:
    for warm_up, rising in ((4.0, 4), (100.0, 10)):
        rates = [cosine(warm_up, 0.0)(1.0, Moment(0, 1, step, 20)) for step in range(20)]
        assert rates[: rising + 1] == pytest.approx([*((step + 1) / rising for step in range(rising)), 1.0])


def test_stairs_go_down_between_epochs() -> None:
    schedule = stairs(warm_up=2.0, milestones=[0.5, 0.75], factor=0.1)
    rates = [schedule(1.0, Moment(epoch, 8, batch, 3)) for epoch in range(8) for batch in range(3)]
    assert rates == pytest.approx([0.5] + [1.0] * 11 + [0.1] * 6 + [0.01] * 6)
    assert [level(2.0)(1.0, Moment(0, 1, step, 9)) for step in range(3)] == [0.5, 1.0, 1.0]


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_one_cycle_is_that_of_torch(steps: int) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.2, total_steps=steps + 1, pct_start=0.3)
    ours = one_cycle(0.3)
    for step in range(steps):
        assert ours(0.2, Moment(0, 1, step, steps + 1)) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-6)
        optimiser.step()
        reference.step()
