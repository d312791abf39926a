"""Schedules of learning rates: functions of the initial rate of a parameter group and of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias


class Moment(NamedTuple):
    """A step of a stage, counted from 0: ``epoch`` of ``epochs``, ``batch`` of ``batches`` in every epoch."""

    epoch: int
    epochs: int
    batch: int
    batches: int

    @property
    def step(self) -> int:
        """Number of batches of the stage before this one."""
        return self.epoch * self.batches + self.batch

    @property
    def steps(self) -> int:
        """Number of batches of the stage."""
        return self.epochs * self.batches


Schedule: TypeAlias = Callable[[float, Moment], float]
"""Computes the rate of a step from the initial rate of the group and the moment."""


def constant(rate: float, moment: Moment) -> float:  # noqa: ARG001 - a Schedule
    """The initial rate of the group."""
    return rate


def per_epoch(schedule: Schedule) -> Schedule:
    """The schedule with a rate that changes between epochs only: that of the first batch of the epoch."""

    def rate_at(rate: float, moment: Moment) -> float:
        return schedule(rate, Moment(moment.epoch, moment.epochs, 0, 1))

    return rate_at


def cosine(warm_up: float, final: float) -> Schedule:
    """Linear warm-up, then a cosine over the steps (Loshchilov and Hutter 2017, eq. 5, no restart).

    Args:
        warm_up: share of the steps in which the rate rises, or from 1 their number, of which half of all are the most.
        final: the cosine ends at ``final`` times the group's rate.
    """

    def fall(rate: float, moment: Moment, rising: int) -> float:
        along = (moment.step - rising) / max(1, moment.steps - rising)
        low = final * rate
        return low + (rate - low) * (1 + math.cos(math.pi * along)) / 2

    return _after_warm_up(warm_up, fall)


def level(warm_up: float) -> Schedule:
    """Linear warm-up, then the rate of the group; ``warm_up`` as in :func:`cosine`."""
    return _after_warm_up(warm_up, lambda rate, moment, rising: rate)  # noqa: ARG005


def stairs(warm_up: float, milestones: Sequence[float], factor: float) -> Schedule:
    """Linear warm-up, then the rate times ``factor`` for every milestone that is passed.

    Args:
        warm_up: as in :func:`cosine`.
        milestones: shares of the epochs; the rate changes between two epochs.
        factor: by what the rate is multiplied.
    """

    def fall(rate: float, moment: Moment, rising: int) -> float:  # noqa: ARG001
        passed = sum(moment.epoch >= round(share * moment.epochs) for share in milestones)
        return rate * factor**passed

    return _after_warm_up(warm_up, fall)


def one_cycle(rising: float = 0.3, start: float = 1 / 25, end: float = 4e-6) -> Schedule:
    """Rise and fall along cosines (Smith and Topin 2019), as torch's ``OneCycleLR`` in every step.

    Args:
        rising: share of the steps in which the rate rises, torch's ``pct_start``.
        start: first rate, as a share of the group's.
        end: last rate, as a share of the group's.
    """

    def rate_at(rate: float, moment: Moment) -> float:
        last = moment.steps - 1
        top = rising * moment.steps - 1
        if moment.step <= top:
            return _between(start * rate, rate, moment.step / top if top > 0 else 1.0)
        return _between(rate, end * rate, (moment.step - top) / (last - top))

    return rate_at


def _between(low: float, high: float, along: float) -> float:
    """Half a cosine from ``low`` to ``high``."""
    return high + (low - high) * (1 + math.cos(math.pi * along)) / 2


def _after_warm_up(warm_up: float, fall: Callable[[float, Moment, int], float]) -> Schedule:
    """Linear warm-up, then ``fall``, which also gets the number of steps before it."""

    def rate_at(rate: float, moment: Moment) -> float:
        rising = round(warm_up * moment.steps) if warm_up < 1 else min(round(warm_up), moment.steps // 2)
        return rate * (moment.step + 1) / rising if moment.step < rising else fall(rate, moment, rising)

    return rate_at


def cosine_from(first: float, warm_up_epochs: int, last: float) -> Schedule:
    """Rise in a line from one rate, then a cosine to another, both absolute; the rate changes between epochs only.

    It is the schedule of CLIP-ReID's first stage (timm's ``CosineLRScheduler``), whose epochs count from 1.

    Args:
        first: rate from which the line rises.
        warm_up_epochs: epochs of the rise.
        last: rate at which the cosine ends.
    """

    def rate_at(rate: float, moment: Moment) -> float:
        epoch = moment.epoch + 1
        if epoch < warm_up_epochs:
            return first + (rate - first) * epoch / warm_up_epochs
        return last + (rate - last) * (1 + math.cos(math.pi * epoch / moment.epochs)) / 2

    return rate_at


def steps(
    milestones: Sequence[int], gamma: float = 0.1, warm_up_epochs: int = 0, warm_up_factor: float = 0.1
) -> Schedule:
    """Rates that fall by a factor at some epochs, after a linear warm-up; epochs count from 1.

    It is the schedule of CLIP-ReID's second stage: warm-up multiplies by ``factor (1 - e / n) + e / n`` in epoch e < n.

    Args:
        milestones: epochs from which the rate is multiplied by ``gamma`` once more.
        gamma: the factor.
        warm_up_epochs: epochs of the rise.
        warm_up_factor: share of the rate from which it rises.
    """

    def rate_at(rate: float, moment: Moment) -> float:
        epoch = moment.epoch + 1
        rising = epoch / warm_up_epochs if epoch < warm_up_epochs else 1.0
        passed = sum(milestone <= epoch for milestone in milestones)
        return rate * (warm_up_factor * (1 - rising) + rising) * gamma**passed

    return rate_at
