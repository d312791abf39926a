"""The learning rate over a stage."""

from __future__ import annotations

import math

import pytest
import torch

from retrieval.encoders.torchvision_ops import repair_torchvision
from training.schedule import (
    Moment,
    Schedule,
    constant,
    cosine,
    cosine_from,
    level,
    one_cycle,
    per_epoch,
    stairs,
    steps,
)


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


def _epochs(schedule: Schedule, rate: float, epochs: int) -> list[float]:
    """Rates of the epochs, after checking that those of the batches of an epoch are equal."""
    first = [schedule(rate, Moment(epoch, epochs, 0, 7)) for epoch in range(epochs)]
    assert first == [schedule(rate, Moment(epoch, epochs, 6, 7)) for epoch in range(epochs)]
    return first


def test_a_schedule_per_epoch_has_the_rate_of_its_first_batch() -> None:
    rates = _epochs(per_epoch(cosine(warm_up=0, final=0)), 2.0, 30)
    assert rates == pytest.approx([1 + math.cos(math.pi * epoch / 30) for epoch in range(30)])


@pytest.mark.parametrize(("epochs", "batches"), [(30, 7), (1, 10), (1, 4), (1, 2)])
def test_one_cycle_is_that_of_torch_with_a_rate_per_group(epochs: int, batches: int) -> None:
    rates = [1e-5, 5e-4]
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    optimiser = torch.optim.AdamW(groups)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rates, total_steps=epochs * batches)
    schedule = one_cycle()
    for step in range(epochs * batches):
        moment = Moment(step // batches, epochs, step % batches, batches)
        expected = [group["lr"] for group in optimiser.param_groups]
        assert [schedule(rate, moment) for rate in rates] == pytest.approx(expected, rel=1e-9)
        optimiser.step()
        theirs.step()


def test_steps_with_a_linear_warm_up() -> None:
    rates = _epochs(steps([30, 50], 0.1, 10, 0.1), 5e-6, 60)
    assert rates[:3] == pytest.approx([5e-6 * share for share in (0.19, 0.28, 0.37)])
    assert rates[8:10] == pytest.approx([5e-6 * 0.91, 5e-6])
    assert rates[28:30] == pytest.approx([5e-6, 5e-7])  # the thirtieth epoch has the lower rate
    assert rates[48:] == pytest.approx([5e-7, *[5e-8] * 11])
    assert _epochs(steps([2]), 1.0, 3) == pytest.approx([1.0, 0.1, 0.1])


def test_a_cosine_between_rates_is_that_of_timm() -> None:
    repair_torchvision()
    from timm.scheduler import CosineLRScheduler

    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=3.5e-4)
    theirs = CosineLRScheduler(optimiser, t_initial=60, lr_min=1e-6, warmup_lr_init=1e-5, warmup_t=5, cycle_limit=1)
    rates = _epochs(cosine_from(1e-5, 5, 1e-6), 3.5e-4, 60)
    assert rates == pytest.approx([theirs._get_lr(epoch)[0] for epoch in range(1, 61)])
