"""Exponential moving average of weights, which is evaluated and kept in place of the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WARM_UP_POWER = 2 / 3
"""Power of the warm-up of timm's ``ModelEmaV3``, which suits runs of some ten thousand steps."""


class WeightAverage:
    """Average of a model's weights and running statistics; whole numbers are copied.

    After step n it is ``d * average + (1 - d) * weights`` with ``d = min(decay, 1 - (n + 1) ** (-2 / 3))``, as timm's
    ``ModelEmaV3(use_warmup=True)`` does it: early weights, far from the last ones, are forgotten soon.
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        """Start at the present weights."""
        self._decay, self._updates = decay, 0
        self._weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def update(self, model: torch.nn.Module) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, 1 - (self._updates + 1) ** -WARM_UP_POWER)
        self._updates += 1
        for name, tensor in model.state_dict().items():
            average = self._weights[name]
            if average.is_floating_point():
                average.lerp_(tensor.detach(), 1 - decay)
            else:
                average.copy_(tensor)

    @contextmanager
    def applied(self, model: torch.nn.Module) -> Iterator[None]:
        """Give the model the averaged weights until the block ends."""
        own_weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self._weights)
        try:
            yield
        finally:
            model.load_state_dict(own_weights)

    def state_dict(self) -> dict[str, Any]:
        """The average and the number of updates."""
        return {"weights": self._weights, "updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._updates = state["updates"]
        for name, tensor in state["weights"].items():
            self._weights[name].copy_(tensor)
