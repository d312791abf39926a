"""The neck and the classifier of re-identification: batch normalisation between features and logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class NeckOutput(NamedTuple):
    """``features`` (n, d) after batch normalisation, and ``logits`` (n, classes) of the ID classifier."""

    features: torch.Tensor
    logits: torch.Tensor


def make_bnneck(width: int, classes: int, generator: torch.Generator) -> torch.nn.Module:
    """Build a BNNeck (Luo et al. 2019, "Bag of Tricks", section 3.5).

    Metric losses see the features before it, the ID loss the logits behind it, so that they do not pull one feature
    in two ways. The normalisation has no trained shift and the classifier no bias, so the planes between identities go
    through the origin. Weights of the classifier start at N(0, 0.001), as in the authors' code.

    Args:
        width: number of dimensions of the features.
        classes: number of identities.
        generator: random generator of the classifier's weights.

    Returns:
        A module from features (n, width) to :class:`NeckOutput`, with the submodules ``norm`` and ``classifier``.
    """
    import torch

    class BNNeck(torch.nn.Module):
        """Batch normalisation without shift, and a linear classifier without bias."""

        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(width)
            self.norm.bias.requires_grad_(False)
            self.classifier = torch.nn.Linear(width, classes, bias=False)
            torch.nn.init.normal_(self.classifier.weight, std=0.001, generator=generator)

        def forward(self, features: torch.Tensor) -> NeckOutput:
            """Map features (n, width) to normalised features and logits."""
            normalised = self.norm(features)
            return NeckOutput(normalised, self.classifier(normalised))

    return BNNeck()
