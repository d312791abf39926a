"""TorchScript archives."""

from __future__ import annotations

from pathlib import Path

import torch

from retrieval.encoders.weights import read_weights


def test_torchscript_is_read_without_its_code(tmp_path: Path) -> None:
    class Masked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
            self.mask = torch.ones(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.inner(x) * self.mask
            return out

    model = Masked().eval().half()
    torch.jit.save(torch.jit.script(model), tmp_path / "jit.pt")
    found = read_weights(tmp_path / "jit.pt").tensors
    assert found.keys() == model.state_dict().keys()
    assert all(
        torch.equal(found[key], value) and found[key].dtype == value.dtype for key, value in model.state_dict().items()
    )
