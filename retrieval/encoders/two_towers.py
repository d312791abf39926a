"""The base class of encoders with an image tower and a text tower, which encode to vectors of one space."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.torch_encoder import TorchEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from retrieval.types import Embeddings, EncoderSpec, Float32


class TwoTowerEncoder(TorchEncoder):
    """Encodes images and texts by torch functions."""

    def __init__(
        self,
        spec: EncoderSpec,
        device: str,
        image_tower: Callable[[torch.Tensor], torch.Tensor],
        text_tower: Callable[[torch.Tensor], torch.Tensor],
        make_tokenizer: Callable[[], Any],
        logit_scale: float,
        notes: Sequence[str] = (),
    ) -> None:
        """Make an encoder.

        Args:
            spec: the encoder.
            device: torch device.
            image_tower: maps normalised images (batch, 3, height, width) to (batch, d).
            text_tower: maps tokens (batch, context) to (batch, d).
            make_tokenizer: returns a function from texts to tokens; called for the first text.
            logit_scale: the trained factor on cosine similarities.
            notes: what the user should know of the weights.
        """
        self._text_tower, self._make_tokenizer, self._logit_scale = text_tower, make_tokenizer, logit_scale
        super().__init__(spec, device, image_tower, None, notes)

    @property
    def logit_scale(self) -> float:
        """The trained factor on cosine similarities (1 / temperature)."""
        return self._logit_scale

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Encode n texts to vectors of the space of the images; texts longer than the context are cut.

        Returns:
            Vectors (n, d) of length 1, and their lengths (n,) before normalisation.

        Raises:
            InputError: the model has no text tower, or its files no tokenizer.
            MissingDependencyError: the tokenizer of this model needs a package that is not installed.
            NetworkError: the tokenizer could not be downloaded.
            WeightsError: a vector is zero or not finite.
        """
        size = self.spec.batch_size
        raw = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), size):
            part = list(texts[start : start + size])
            raw[start : start + size] = self._run_texts(part + [""] * (size - len(part)))[: len(part)]
        return self.normalised(raw, "text")

    def _run_texts(self, texts: list[str]) -> Float32:
        import torch

        with torch.inference_mode():
            vectors = self._text_tower(self._tokenizer(texts).to(self._device))
            raw: Float32 = vectors.to(torch.float32).cpu().numpy()
        return raw

    @cached_property
    def _tokenizer(self) -> Any:
        return self._make_tokenizer()
