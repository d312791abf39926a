"""The network of the job ``classifier``: an image network of features, and a linear layer of class logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from retrieval.encoders.torch_encoder import seeded
from training.models.freezing import freeze_parameters

if TYPE_CHECKING:
    from training.models.frozen_features import FrozenSplit
    from training.models.towers import ImageTower


class LinearClassifier(torch.nn.Module):
    """Features of a tower, dropout, and a linear layer; parameters of the tower keep their names after ``network.``."""

    def __init__(self, tower: ImageTower, classes: int, dropout: float, seed: int) -> None:
        """Make the linear layer with random weights of a seed."""
        super().__init__()
        self.network = tower.network
        width = tower.widths.proj or tower.widths.feat
        self.dropout = torch.nn.Dropout(dropout)
        with seeded(seed):
            self.head = torch.nn.Linear(width, classes)
        if tower.clip is not None:
            texts = [name for name, _ in self.network.named_parameters() if not name.startswith("visual.")]
            freeze_parameters(self.network, texts)
        self._encode: list[Any] = [image_features(tower)]  # in a list, so that it is no submodule

    def begin_after(self, split: FrozenSplit) -> None:
        """Take the inputs of the first trained module from now on, in place of images."""

        def encode(activations: torch.Tensor) -> torch.Tensor:
            _, feat, proj = split.features(activations)
            return feat if proj is None else proj

        self._encode = [encode]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class logits (n, C) of normalised images, or of what :meth:`begin_after` says."""
        logits: torch.Tensor = self.head(self.dropout(self._encode[0](images)))
        return logits


def image_features(tower: ImageTower) -> Any:
    """Return the function from normalised images to the vectors that the encoder normalises."""
    return tower.network if tower.clip is None else tower.network.encode_image


def classifier_layer(tower: ImageTower) -> str | None:
    """Return the name of the layer of a timm or torchvision model in whose place the linear layer stands.

    None for a CLIP, and for a model without one such layer.
    """
    if tower.spec.family == "torchvision":
        flat = [name for name, layer in tower.network.named_modules() if isinstance(layer, torch.nn.Flatten)]
        return flat[-1] if flat else None
    if tower.spec.family != "timm":
        return None
    import timm

    config = timm.get_pretrained_cfg(tower.spec.model)
    name = config.classifier if config is not None else None
    modules = {module for module, _ in tower.network.named_modules()}
    return name if isinstance(name, str) and name in modules else None
