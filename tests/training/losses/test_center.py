"""Center loss and Wen's update against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from training.losses.center import center_loss, wen_update

FEATURES = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
CENTRES = torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], dtype=torch.float64)
TARGET = torch.tensor([0, 0, 1])


def test_wen_has_one_half_and_clip_reid_has_not() -> None:
    # squared distances 5, 9 and 2
    assert float(center_loss(FEATURES, TARGET, CENTRES, "clip_reid")) == pytest.approx(16 / 3)
    assert float(center_loss(FEATURES, TARGET, CENTRES, "wen")) == pytest.approx(8 / 3)


def test_update_of_the_paper() -> None:
    # centre 0: ((0,0)-(1,2) + (0,0)-(3,0)) / 3; centre 1: ((1,1)-(0,0)) / 2; centre 2 has no sample
    change = wen_update(FEATURES, TARGET, CENTRES)
    torch.testing.assert_close(change, torch.tensor([[-4 / 3, -2 / 3], [0.5, 0.5], [0.0, 0.0]], dtype=torch.float64))
    centres = torch.nn.Parameter(CENTRES.clone())
    centres.grad = change
    torch.optim.SGD([centres], lr=0.5).step()
    torch.testing.assert_close(centres.data, CENTRES - 0.5 * change)


def test_gradients() -> None:
    features, centres = FEATURES.clone().requires_grad_(), CENTRES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, c: center_loss(x, TARGET, c), [features, centres])
    assert torch.autograd.gradcheck(lambda x, c: center_loss(x, TARGET, c, "wen"), [features, centres])
