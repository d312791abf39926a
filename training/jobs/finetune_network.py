"""The networks of the job ``finetune``: cosines of images and class texts, and a linear head on stored vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

from retrieval.encoders.open_clip_encoder import tokenizer

if TYPE_CHECKING:
    from typing import Self

    from retrieval.types import Float32
    from training.jobs.finetune_texts import TextEdges
    from training.models.towers import ImageTower

TEXTS_AT_ONCE = 256
"""Texts of one forward pass without gradients."""


class TextClassifier(torch.nn.Module):
    """Class logits ``scale * f . t_c``: f is the unit vector of an image, t_c that of the mean of the class's texts.

    Batch normalisation keeps its statistics: those of small batches of other images would undo what the tower learned.
    """

    def __init__(self, tower: ImageTower, edges: TextEdges, *, train_texts: bool) -> None:
        """Encode the texts once; with ``train_texts`` they are encoded again in every step."""
        super().__init__()
        self.network, self._train_texts = tower.network, train_texts
        self._tokens: torch.Tensor = tokenizer(tower.spec)(list(edges.texts)).to(tower.device)
        self._mean = torch.from_numpy(edges.mean).to(tower.device)
        self._vectors: torch.Tensor | None = None
        if not train_texts:
            self._vectors = self.fixed_vectors()

    @property
    def scale(self) -> torch.Tensor:
        """The factor on cosines."""
        scale: torch.Tensor = self.network.get_parameter("logit_scale").exp()
        return scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return class logits (n, C) of normalised images (n, 3, height, width)."""
        vectors = self._vectors
        if vectors is None:
            vectors = self.class_vectors()
            self._vectors = None if self.training else vectors  # the same until training goes on
        encode: Any = self.network.encode_image
        logits: torch.Tensor = self.scale * normalize(encode(images).float(), dim=1) @ vectors.float().T
        return logits

    def class_vectors(self) -> torch.Tensor:
        """Encode the texts: unit vectors (C, d), each the mean of the unit vectors of a class's texts."""
        encode: Any = self.network.encode_text
        size = len(self._tokens) if torch.is_grad_enabled() else TEXTS_AT_ONCE
        features = torch.cat([encode(part) for part in torch.split(self._tokens, size)])
        return normalize(self._mean @ normalize(features.float(), dim=1), dim=1)

    def fixed_vectors(self) -> torch.Tensor:
        """Return :meth:`class_vectors` without gradients."""
        with torch.no_grad():
            return self.class_vectors()

    def forget_texts(self) -> None:
        """Encode the texts again in the next pass, because weights were replaced."""
        if self._train_texts:
            self._vectors = None

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - the signature of torch
        """Switch to training, except for batch normalisation."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - torch has no other name
                module.eval()
        self.forget_texts()
        return self


class FeatureHead(torch.nn.Module):
    """A linear layer on what the image tower gives, which begins with the logits of the texts.

    ``W_c = scale * t_c / m``, with m the mean length of the features, and no bias.
    """

    def __init__(self, texts: torch.Tensor, scale: float, features: Float32) -> None:
        """Make the layer.

        Args:
            texts: (C, d) unit vectors of the classes.
            scale: factor on cosines.
            features: (n, d) of training samples.
        """
        super().__init__()
        length = float(torch.from_numpy(features).norm(dim=1).mean())
        self.head = torch.nn.Linear(texts.shape[1], len(texts))
        with torch.no_grad():
            self.head.weight.copy_(scale / length * texts)
            self.head.bias.zero_()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return class logits (n, C) of features (n, d)."""
        logits: torch.Tensor = self.head(features)
        return logits
