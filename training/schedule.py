"""The learning rate over the steps of a run, and which parameters decay."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from training.config import LoopConfig


def rate_at(step: int, steps: int, config: LoopConfig) -> float:
    """The learning rate of a step: a linear rise, then a cosine (Loshchilov and Hutter 2017, eq. 5, no restart).

    Args:
        step: from 0.
        steps: of the whole run.
        config: ``warm_up`` is a share of ``steps``; the cosine ends at ``final * learning_rate``.
    """
    rising = round(config.warm_up * steps)
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    along = (step - rising) / max(1, steps - rising)
    low = config.final * config.learning_rate
    return low + (config.learning_rate - low) * (1 + math.cos(math.pi * along)) / 2


def adamw(model: torch.nn.Module, config: LoopConfig) -> torch.optim.AdamW:
    """AdamW over all trainable parameters; gains, biases and other vectors do not decay (as in CLIP's appendix F)."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in trained if each.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [each for each in trained if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, config.beta_2), eps=1e-6)
