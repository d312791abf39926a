"""CLIP-ReID's losses of images and texts against loops."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses.image_text import image_to_text, supervised_contrastive

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(6, 5, dtype=torch.float64, generator=GENERATOR)
TEXTS = 2 * torch.randn(6, 5, dtype=torch.float64, generator=GENERATOR)
TARGET = torch.tensor([0, 0, 1, 2, 2, 2])


def _slow(anchors: torch.Tensor, others: torch.Tensor, temperature: float) -> float:
    total = 0.0
    for i in range(6):
        logits = [float(anchors[i] @ others[j]) / temperature for j in range(6)]
        whole = math.log(sum(map(math.exp, logits)))
        positives = [j for j in range(6) if TARGET[j] == TARGET[i]]
        total -= sum(logits[j] - whole for j in positives) / len(positives)
    return total / 6


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_contrastive_loss_is_of_dot_products(temperature: float) -> None:
    for anchors, others in ((IMAGES, TEXTS), (TEXTS, IMAGES)):
        loss = supervised_contrastive(anchors, others, TARGET, TARGET, temperature)
        assert float(loss) == pytest.approx(_slow(anchors, others, temperature), rel=1e-12)


def test_an_anchor_without_a_positive_is_left_out() -> None:
    some = supervised_contrastive(IMAGES, TEXTS[:2], TARGET, TARGET[:2])
    assert float(some) == pytest.approx(float(supervised_contrastive(IMAGES[:2], TEXTS[:2], TARGET[:2], TARGET[:2])))
    none = supervised_contrastive(IMAGES[3:], TEXTS[:3], TARGET[3:], TARGET[:3])
    assert float(none) == 0


def test_image_to_text_is_smoothed_cross_entropy_against_fixed_texts() -> None:
    images, texts = IMAGES.clone().requires_grad_(), TEXTS[:3].clone().requires_grad_()
    loss = image_to_text(images, texts, TARGET, 0.1)
    expected = torch.nn.functional.cross_entropy(IMAGES @ TEXTS[:3].T, TARGET, label_smoothing=0.1)
    torch.testing.assert_close(loss.detach(), expected)
    loss.backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert texts.grad is None


def test_gradients() -> None:
    images, texts = IMAGES.clone().requires_grad_(), TEXTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: supervised_contrastive(x, y, TARGET, TARGET), [images, texts])
    assert torch.autograd.gradcheck(lambda x: image_to_text(x, TEXTS[:3], TARGET), [images])
