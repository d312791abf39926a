"""Schedules of learning rates: functions of the initial rate of a parameter group and of the step."""

from __future__ import annotations

import math
from collections.abc import Callable
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


def cosine(warm_up: float, final: float) -> Schedule:
    """Linear warm-up, then a cosine over the steps (Loshchilov and Hutter 2017, eq. 5, no restart).

    Args:
        warm_up: share of the steps in which the rate rises.
        final: the cosine ends at ``final`` times the group's rate.
    """

    def rate_at(rate: float, moment: Moment) -> float:
        step, steps = moment.step, moment.steps
        rising = round(warm_up * steps)
        if step < rising:
            return rate * (step + 1) / rising
        along = (step - rising) / max(1, steps - rising)
        low = final * rate
        return low + (rate - low) * (1 + math.cos(math.pi * along)) / 2

    return rate_at
