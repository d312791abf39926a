"""Batch-hard triplet loss against loops."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses.triplet import batch_hard_triplet

TARGET = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])  # identity 3 has one image: no triplet
FEATURES = 3 * torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
FEATURES[TARGET == 2] += 20.0  # identity 2 is far from the others: no loss at the margin 0.3


def _slow(margin: float | None) -> float:
    losses = []
    for anchor in range(8):
        distances = [float((FEATURES[anchor] - FEATURES[other]).norm()) for other in range(8)]
        same = [distances[j] for j in range(8) if TARGET[j] == TARGET[anchor] and j != anchor]
        others = [distances[j] for j in range(8) if TARGET[j] != TARGET[anchor]]
        if same:
            gap = max(same) - min(others)
            losses.append(math.log1p(math.exp(gap)) if margin is None else max(0.0, gap + margin))
    assert margin != 0.3 or losses.count(0.0) == 2
    return sum(losses) / len(losses)


@pytest.mark.parametrize("margin", [0.3, 5.0, None])
def test_the_hardest_triplet_of_every_sample_counts(margin: float | None) -> None:
    assert float(batch_hard_triplet(FEATURES, TARGET, margin)) == pytest.approx(_slow(margin), rel=1e-9)


@pytest.mark.parametrize("margin", [0.3, None])
def test_gradients(margin: float | None) -> None:
    features = FEATURES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: batch_hard_triplet(x, TARGET, margin), [features])


def test_copies_of_an_image_and_batches_without_triplets() -> None:
    copies = torch.ones(4, 3, requires_grad=True)
    loss = batch_hard_triplet(copies, torch.tensor([0, 0, 1, 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(0.3)
    assert copies.grad is not None
    assert bool(copies.grad.isfinite().all())
    alone = batch_hard_triplet(copies, torch.tensor([0, 1, 2, 3]))
    assert float(alone.detach()) == 0
    alone.backward()  # type: ignore[no-untyped-call]
