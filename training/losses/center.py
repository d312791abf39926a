"""Center loss, and the update of its centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import torch

CenterForm: TypeAlias = Literal["clip_reid", "wen"]
"""``wen``: half the squared distance and the update of the paper; ``clip_reid``: the squared distance, its gradient."""


def center_loss(
    features: torch.Tensor, target: torch.Tensor, centres: torch.Tensor, form: CenterForm = "clip_reid"
) -> torch.Tensor:
    """Mean squared distance of features from the centres of their classes (Wen et al. 2016, eq. 2, with 1/2).

    Args:
        features: (n, d).
        target: (n,) classes.
        centres: (C, d).
        form: ``wen`` has the factor 1/2 of the paper; ``clip_reid`` has not.
    """
    distances = (features - centres[target]).square().sum(1)
    return distances.mean() * (0.5 if form == "wen" else 1.0)


def wen_update(features: torch.Tensor, target: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Change of the centres ``sum (c - x) / (1 + count)`` over the samples of a class in the batch (Wen et al., eq. 4).

    It takes the place of the gradient of SGD, whose learning rate is then the paper's alpha.

    Args:
        features: (n, d).
        target: (n,) classes.
        centres: (C, d).

    Returns:
        (C, d), 0 for classes that are not in the batch.
    """
    import torch

    with torch.no_grad():
        count = torch.bincount(target, minlength=len(centres)).to(centres.dtype)
        sums = torch.zeros_like(centres).index_add_(0, target, (centres[target] - features).to(centres.dtype))
        return sums / (1 + count)[:, None]
