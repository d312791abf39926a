"""Several optimisers with rates of their own: schedules, one bound on the gradient, and their state."""

from __future__ import annotations

import pytest
import torch

from training.optimisers import Optimisers, ScheduledOptimiser, decay_groups
from training.schedule import Moment, constant, cosine

FIRST, LAST = Moment(0, 2, 0, 5), Moment(1, 2, 4, 5)


def _two(clip_norm: float | None = None) -> tuple[torch.nn.Linear, torch.nn.Parameter, Optimisers]:
    torch.manual_seed(0)
    head, centres = torch.nn.Linear(3, 2), torch.nn.Parameter(torch.ones(2, 3))
    groups = [{"params": [head.weight], "lr": 0.1}, {"params": [head.bias], "lr": 0.2}]
    named = {
        "head": ScheduledOptimiser(torch.optim.SGD(groups, lr=0.1, momentum=0.9), cosine(0, 0.5)),
        "centres": ScheduledOptimiser(torch.optim.SGD([centres], lr=0.5), constant),
    }
    return head, centres, Optimisers(named, clip_norm, [*head.parameters(), centres])


def test_each_group_has_its_rate_and_each_optimiser_its_schedule() -> None:
    _, _, optimisers = _two()
    optimisers.step(FIRST)
    assert optimisers.rates() == {"head": [0.1, 0.2], "centres": [0.5]}
    optimisers.step(LAST)
    head = optimisers.rates()["head"]
    assert head[1] == pytest.approx(2 * head[0])
    assert 0.05 < head[0] < 0.06
    assert optimisers.rates()["centres"] == [0.5]


def test_a_gradient_is_shortened_over_all_parameters() -> None:
    head, centres, optimisers = _two(clip_norm=1.0)
    for parameter in (*head.parameters(), centres):
        parameter.grad = torch.full_like(parameter, 100.0)
    before = centres.detach().clone()
    seen: list[float] = []
    optimisers.step(FIRST, before=lambda: seen.append(float(centres.grad.norm())))  # type: ignore[union-attr]
    total = (6 + 2 + 6) ** 0.5 * 100
    assert seen == pytest.approx([6**0.5 * 100 / total], rel=1e-4)
    assert (before - centres).norm().item() == pytest.approx(0.5 * seen[0], rel=1e-4)
    optimisers.zero_grad()
    assert centres.grad is None


def test_going_on_gives_the_same_steps() -> None:
    def steps(head: torch.nn.Linear, optimisers: Optimisers, moments: list[Moment]) -> None:
        for moment in moments:
            optimisers.zero_grad()
            head(torch.ones(1, 3)).pow(2).sum().backward()
            optimisers.step(moment)

    moments = [Moment(epoch, 2, batch, 5) for epoch in range(2) for batch in range(5)]
    whole, _, optimisers = _two()
    steps(whole, optimisers, moments)
    part, _, first = _two()
    steps(part, first, moments[:4])
    again, _, second = _two()
    again.load_state_dict(part.state_dict())
    second.load_state_dict(first.state_dict())
    steps(again, second, moments[4:])
    assert torch.equal(whole.weight, again.weight)
    assert torch.equal(whole.bias, again.bias)


def test_only_trained_matrices_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    model[2].weight.requires_grad_(False)
    decaying, kept = decay_groups(model, 0.3)
    assert (decaying["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert [parameter.ndim for parameter in decaying["params"]] == [4]
    assert [parameter.ndim for parameter in kept["params"]] == [1, 1, 1, 1]


def test_gradients_of_fp16_are_scaled_back_before_they_are_clipped_and_stepped() -> None:
    plain, scaled = _two(clip_norm=0.1), _two(clip_norm=0.1)
    scaled[2]._scaler = torch.amp.GradScaler("cpu", init_scale=1024)
    for head, centres, optimisers in (plain, scaled):
        for _ in range(2):
            optimisers.zero_grad()
            optimisers.backward(head(torch.ones(4, 3)).pow(2).mean() + centres.pow(2).sum())
            optimisers.step(FIRST)
    assert torch.equal(plain[0].weight, scaled[0].weight)
    assert torch.equal(plain[1], scaled[1])


def test_a_step_with_infinite_gradients_is_left_out_and_the_scale_is_halved() -> None:
    head, _, optimisers = _two()
    optimisers._scaler = torch.amp.GradScaler("cpu", init_scale=1024)
    before = head.weight.detach().clone()
    optimisers.backward(head(torch.full((1, 3), 1e38)).sum() * 10)
    optimisers.step(FIRST)
    assert torch.equal(head.weight, before)
    assert optimisers.state_dict()["scaler"]["scale"] == 512


def test_groups_say_their_names_numbers_rates_and_decay() -> None:
    model = torch.nn.Linear(3, 2)
    adamw = torch.optim.AdamW(decay_groups(model, 0.1), lr=0.01)
    optimisers = Optimisers({"adamw": ScheduledOptimiser(adamw, cosine(0.5, 0))})
    optimisers.step(FIRST)  # the rate warms up; what is said is the highest
    assert optimisers.groups() == [("matrices", 6, 0.01, 0.1), ("vectors", 2, 0.01, 0.0)]
    centres = torch.optim.SGD([torch.nn.Parameter(torch.zeros(5))], lr=0.5)
    assert Optimisers({"centres": ScheduledOptimiser(centres, constant)}).groups() == [("centres", 5, 0.5, 0.0)]
