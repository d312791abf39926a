"""ArcFace against golden numbers, pytorch-metric-learning and a slow reference."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, SubCenterArcFaceLoss

from training.losses.margin_softmax import arcface_logits, class_cosines, dynamic_margins

GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(6, 5, dtype=torch.float64, generator=GENERATOR)
CENTRES = torch.randn(4, 3, 5, dtype=torch.float64, generator=GENERATOR)
TARGET = torch.tensor([0, 3, 1, 1, 2, 0])


@pytest.mark.parametrize(
    ("scale", "margin", "expected"),
    [
        (30, 0.5, (12.432322, -14.382766, -35.691383)),
        (30, 0.3, (17.608712, -8.865606, -29.995375)),
        (64, 0.5, (26.522286, -30.683234, -76.141617)),
    ],
)
def test_golden_logits(scale: float, margin: float, expected: tuple[float, ...]) -> None:
    cosines = torch.tensor([[0.8, 0.1], [0.0, 0.1], [-0.95, 0.1]], dtype=torch.float64)
    logits = arcface_logits(cosines, torch.zeros(3, dtype=torch.int64), margin, scale)
    assert logits[:, 0].tolist() == pytest.approx(expected, abs=5e-7)
    assert logits[:, 1].tolist() == pytest.approx([0.1 * scale] * 3)


def test_one_centre_and_three_are_those_of_the_library() -> None:
    degrees = math.degrees(0.5)
    for centres, loss in (
        (CENTRES[:, 0], ArcFaceLoss(4, 5, margin=degrees, scale=30)),
        (CENTRES, SubCenterArcFaceLoss(num_classes=4, embedding_size=5, margin=degrees, scale=30, sub_centers=3)),
    ):
        loss.W.data = centres.reshape(-1, 5).T
        logits = arcface_logits(class_cosines(FEATURES, centres), TARGET, 0.5, 30)
        torch.testing.assert_close(torch.nn.functional.cross_entropy(logits, TARGET), loss(FEATURES, TARGET))


def test_each_class_has_its_margin_and_its_nearest_centre() -> None:
    margins = [0.1, 0.3, 0.5, 0.9]
    logits = arcface_logits(class_cosines(FEATURES, CENTRES), TARGET, torch.tensor(margins, dtype=torch.float64), 20)
    for row, truth in enumerate(TARGET.tolist()):
        for label in range(4):
            cosine = max(
                float(FEATURES[row] @ centre / (FEATURES[row].norm() * centre.norm())) for centre in CENTRES[label]
            )
            if label == truth:
                m, theta = margins[label], math.acos(cosine)
                cosine = math.cos(theta + m) if theta < math.pi - m else cosine - m * math.sin(m)
            assert float(logits[row, label]) == pytest.approx(20 * cosine, abs=1e-9)


def test_gradients() -> None:
    features, centres = FEATURES.clone().requires_grad_(), CENTRES.clone().requires_grad_()
    margins = dynamic_margins(torch.tensor([1, 16, 4, 100])).double()
    assert torch.autograd.gradcheck(
        lambda x, w: arcface_logits(class_cosines(x, w), TARGET, margins, 30).sum(0), [features, centres]
    )


def test_a_feature_on_its_centre_has_a_finite_gradient() -> None:
    features = torch.tensor([[2.0, 0.0]], requires_grad=True)
    logits = arcface_logits(class_cosines(features, torch.eye(2)), torch.tensor([0]), 0.5, 30)
    (gradient,) = torch.autograd.grad(logits[0, 0], features)
    assert bool(gradient.isfinite().all())
    assert float(logits[0, 0].detach()) == pytest.approx(30 * math.cos(0.5), abs=0.02)


def test_margins_fall_with_the_number_of_samples() -> None:
    counts = torch.tensor([1, 16, 81, 0])
    assert dynamic_margins(counts).tolist() == pytest.approx([0.55, 0.3, 0.5 / 3 + 0.05, 0.55])
    assert dynamic_margins(counts, a=0.4, b=0.1).tolist() == pytest.approx([0.5, 0.3, 0.4 / 3 + 0.1, 0.5])
