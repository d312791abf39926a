"""The head of an encoder against its model's own logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from retrieval.types import Encoder


def check_head(encoder: Encoder, model: Any, classes: int, atol: float = 1e-4) -> None:
    """``norm * (W @ v) + b`` must be the logits of the model itself."""
    own = encoder.spec.preprocess
    assert own is not None
    assert encoder.head is not None
    assert encoder.head.weight.shape == (classes, encoder.dimension)
    batch = np.random.default_rng(1).integers(0, 256, (3, *own.crop, 3), dtype=np.uint8)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (own.mean, own.std))
    with torch.no_grad():
        logits = model((torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - mean) / std).numpy()
    vectors, norms = encoder.encode_images(batch)
    ours = norms[:, None] * (vectors @ encoder.head.weight.T) + encoder.head.bias
    assert np.allclose(ours, logits, atol=atol, rtol=1e-4)
