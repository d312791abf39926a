"""The last projection of an image tower as a matrix, from which adapters of the view ``preproj`` start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.clip_features import tower_kind
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import Encoder, Float32

NO_MATRIX = "choose an encoder such as open_clip/ViT-B-16, or train with `method=rla`"


def projection_matrix(encoder: Encoder) -> Float32:
    """Return the matrix (d, e) that maps vectors before the projection of an encoder to those that it gives.

    A bias is one more column, (d, e + 1), as :func:`retrieval.encoders.adapter.mapped_vectors` takes it.

    Raises:
        InputError: the encoder has no projection, or one of several layers.
    """
    visual: Any = getattr(getattr(encoder, "network", None), "visual", None)
    name, kind = f"{encoder.spec.family}/{encoder.spec.model}", "plain" if visual is None else tower_kind(visual)
    if kind == "plain":
        raise InputError(f"{name} has no projection after its image tower; {NO_MATRIX}.")
    if kind == "vit":
        return _array(visual.proj.T)
    head = visual.attnpool.c_proj if kind == "resnet" else visual.head
    layer = _only_layer(head)
    if layer is None:
        raise InputError(f"The projection of {name} has several layers, so it is no matrix; {NO_MATRIX}.")
    weight = _array(layer.weight)
    return weight if layer.bias is None else np.concatenate([weight, _array(layer.bias)[:, None]], axis=1)


def _only_layer(head: Any) -> Any:
    """Return the linear layer of a projection; None if it has other parameters, too."""
    import torch

    layers = [module for module in head.modules() if any(True for _ in module.parameters(recurse=False))]
    return layers[0] if len(layers) == 1 and isinstance(layers[0], torch.nn.Linear) else None


def _array(tensor: Any) -> Float32:
    return np.array(tensor.detach().float().cpu().numpy(), np.float32, order="C")
