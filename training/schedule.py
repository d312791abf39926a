"""Learning rates over the steps of a stage: functions of a group's own rate and the moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Moment(NamedTuple):
    """Where a stage is, counted from 0: ``epoch`` of ``epochs``, ``batch`` of ``batches`` in every epoch."""

    epoch: int
    epochs: int
    batch: int
    batches: int

    @property
    def step(self) -> int:
        """Batches before this one, of all epochs of the stage."""
        return self.epoch * self.batches + self.batch

    @property
    def steps(self) -> int:
        """Batches of the whole stage."""
        return self.epochs * self.batches


Schedule: TypeAlias = Callable[[float, Moment], float]
"""The rate of a step, from the rate that the group began with and the moment."""


def constant(rate: float, moment: Moment) -> float:  # noqa: ARG001 - a Schedule
    """The rate that the group began with."""
    return rate


def cosine(warm_up: float, final: float) -> Schedule:
    """A linear rise, then a cosine over the steps (Loshchilov and Hutter 2017, eq. 5, no restart).

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
