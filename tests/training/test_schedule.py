"""The learning rate over a run, and what decays."""

from __future__ import annotations

import math

import pytest
import torch

from training.config import LoopConfig
from training.schedule import adamw, rate_at


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine() -> None:
    config = LoopConfig(learning_rate=1.0, warm_up=0.1, final=0.01)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.01 <= rates[-1] < 0.012


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert rate_at(0, 1, LoopConfig(learning_rate=0.5, warm_up=0)) == 0.5


def test_only_matrices_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    decaying, kept = adamw(model, LoopConfig(weight_decay=0.3)).param_groups
    assert (decaying["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert [parameter.ndim for parameter in decaying["params"]] == [4, 2]
    assert [parameter.ndim for parameter in kept["params"]] == [1, 1, 1, 1]
