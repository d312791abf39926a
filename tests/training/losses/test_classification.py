"""Cross-entropy with smoothing, weights and focusing against numbers, torch and sums written out."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses.classification import classification_loss

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(6, 4, dtype=torch.float64, generator=GENERATOR)
TARGET = torch.tensor([0, 3, 1, 1, 2, 0])
WEIGHTS = torch.tensor([1.0, 2.5, 0.5, 4.0], dtype=torch.float64)


def _slow(target: list[list[float]], smoothing: float, weights: list[float], gamma: float) -> float:
    total = mass = 0.0
    for row, truth in zip(LOGITS.tolist(), target, strict=True):
        whole = sum(math.exp(logit) for logit in row)
        for logit, y, weight in zip(row, truth, weights, strict=True):
            p = math.exp(logit) / whole
            total -= weight * ((1 - smoothing) * y + smoothing / len(row)) * (1 - p) ** gamma * math.log(p)
            mass += weight * y
    return total / mass


def test_label_smoothing_has_the_golden_number() -> None:
    logits = torch.tensor([[2, 1, 0.1], [0.5, 2.5, 0]], dtype=torch.float64)
    target = torch.tensor([0, 1])
    assert float(classification_loss(logits, target)) == pytest.approx(0.30688206, abs=1e-8)
    assert float(classification_loss(logits, target, smoothing=0.1)) == pytest.approx(0.43021539, abs=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_without_focusing_it_is_the_loss_of_torch(smoothing: float, weights: torch.Tensor | None) -> None:
    expected = torch.nn.functional.cross_entropy(LOGITS, TARGET, weights, label_smoothing=smoothing)
    torch.testing.assert_close(classification_loss(LOGITS, TARGET, smoothing=smoothing, weights=weights), expected)


@pytest.mark.parametrize(("smoothing", "gamma"), [(0.0, 2.0), (0.1, 2.0), (0.2, 0.5), (0.0, 0.0)])
def test_focusing_and_mixed_targets_against_sums_written_out(smoothing: float, gamma: float) -> None:
    mixed = 0.7 * torch.eye(4, dtype=torch.float64)[TARGET] + 0.3 * torch.eye(4, dtype=torch.float64)[TARGET.flip(0)]
    for target in (torch.eye(4, dtype=torch.float64)[TARGET], mixed):
        loss = classification_loss(LOGITS, target, smoothing=smoothing, weights=WEIGHTS, gamma=gamma)
        assert float(loss) == pytest.approx(_slow(target.tolist(), smoothing, WEIGHTS.tolist(), gamma), rel=1e-12)


@pytest.mark.parametrize(("smoothing", "gamma"), [(0.0, 0.0), (0.1, 2.0), (0.0, 0.5)])
def test_gradients(smoothing: float, gamma: float) -> None:
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: classification_loss(z, TARGET, smoothing=smoothing, weights=WEIGHTS, gamma=gamma), [logits]
    )


def test_a_certain_answer_has_finite_loss_and_gradient() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    for gamma, target in ((0.5, 0), (2.0, 1)):
        loss = classification_loss(logits, torch.tensor([target]), gamma=gamma, smoothing=0.1)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert math.isfinite(float(loss.detach()))
        assert bool(gradient.isfinite().all())
