"""Features of the image towers of open_clip before and after their projection to the space of the texts.

A vision transformer gives the class token after its last norm, a modified ResNet its pooled activations, a tower of
timm what its trunk gives. The towers themselves stay as they are: a shallow copy without the projection shares all
their layers, so any number of threads may use one.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.errors import InputError

if TYPE_CHECKING:
    import torch


class ClipFeatures(NamedTuple):
    """Features of n images: ``feat`` (n, w) before the projection, and ``proj`` (n, d) after it."""

    feat: torch.Tensor
    proj: torch.Tensor


def tower_kind(visual: Any) -> str:
    """Return ``vit``, ``resnet`` or ``timm`` for the image tower of an open_clip model; ``plain`` if none is known."""
    if hasattr(visual, "attnpool") and hasattr(visual, "layer4"):
        return "resnet"
    if hasattr(visual, "trunk") and len(getattr(visual, "head", ())) > 0:
        return "timm"
    if getattr(visual, "proj", None) is not None and hasattr(visual, "transformer"):
        return "vit"
    return "plain"


def reid_features(visual: Any, images: torch.Tensor) -> ClipFeatures:
    """Return the features that CLIP-ReID uses (Li et al. 2023).

    Args:
        visual: the image tower of an open_clip model.
        images: normalised images (n, 3, height, width).

    Returns:
        Before the projection, of a ResNet the average of the last activations over all positions; and after it.

    Raises:
        InputError: the tower has no projection.
    """
    if tower_kind(visual) != "resnet":
        return projection_features(visual, images)
    maps = _without(visual, "attnpool", _identity())(images)
    return ClipFeatures(maps.mean(dim=(2, 3)), visual.attnpool(maps))


def projection_features(visual: Any, images: torch.Tensor) -> ClipFeatures:
    """Return the input and the output of the projection, which is linear.

    Of a ResNet the projection is the last layer of its attention pooling. ``proj`` equals what the tower returns, bit
    for bit.

    Args:
        visual: the image tower of an open_clip model.
        images: normalised images (n, 3, height, width).

    Raises:
        InputError: the tower has no projection.
    """
    kind = tower_kind(visual)
    if kind == "plain":
        raise InputError(
            "This image tower has no projection, so it has no features before one; choose an encoder such as "
            "open_clip/ViT-B-16 or open_clip/RN50."
        )
    if kind == "timm":
        feat = visual.trunk(images)
        return ClipFeatures(feat, visual.head(feat))
    if kind == "resnet":
        maps = _without(visual, "attnpool", _identity())(images)
        return ClipFeatures(_unprojected(visual.attnpool)(maps), visual.attnpool(maps))
    feat = first(_without(visual, "proj", None)(images))
    return ClipFeatures(feat, feat @ visual.proj)


def first(output: Any) -> torch.Tensor:
    """Return the vectors among what a tower gives; some give tokens, too (CoCa)."""
    vectors: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return vectors


def _without(module: Any, name: str, replacement: Any) -> Any:
    """Return a shallow copy of a module in which a parameter or submodule is another; all others are shared."""
    changed = copy.copy(module)
    for kind in ("_parameters", "_modules"):
        entries = dict(getattr(module, kind))
        if name in entries:
            entries[name] = replacement
        setattr(changed, kind, entries)
    return changed


def _identity() -> torch.nn.Module:
    import torch

    return torch.nn.Identity()


def _unprojected(pooling: Any) -> Any:
    """Return attention pooling whose last linear layer is the identity: what comes out is the input of that layer."""
    import torch

    weight = pooling.c_proj.weight
    layer = torch.nn.Linear(weight.shape[1], weight.shape[1], device=weight.device, dtype=weight.dtype)
    torch.nn.init.eye_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return _without(pooling, "c_proj", layer.requires_grad_(False))
