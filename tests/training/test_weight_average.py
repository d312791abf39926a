from __future__ import annotations

import torch

from retrieval.encoders.torchvision_ops import repair_torchvision
from training.weight_average import WeightAverage


def _model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))


def _train(model: torch.nn.Module) -> None:
    model(torch.randn(8, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape))


def test_the_average_is_that_of_timm() -> None:
    repair_torchvision()
    from timm.utils import ModelEmaV3

    model = _model()
    ours, theirs = WeightAverage(model, 0.6), ModelEmaV3(model, 0.6, use_warmup=True, foreach=False)
    for step in range(1, 8):
        _train(model)
        ours.update(model)
        theirs.update(model, step)
        with ours.applied(model):
            for name, tensor in theirs.module.state_dict().items():
                assert torch.allclose(model.state_dict()[name], tensor, atol=1e-6), (step, name)


def test_the_weights_come_back_and_the_average_is_restored() -> None:
    model = _model()
    average = WeightAverage(model, 0.9)
    for _ in range(3):
        _train(model)
        average.update(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other = WeightAverage(_model(), 0.9)
    other.load_state_dict(average.state_dict())
    with average.applied(model):
        averaged = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not torch.equal(before["0.weight"], averaged["0.weight"])
    for one in (average, other):
        one.update(model)
    with other.applied(model):
        restored = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with average.applied(model):
        assert all(torch.equal(restored[name], tensor) for name, tensor in model.state_dict().items())
