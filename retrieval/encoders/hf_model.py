"""Towers of open_clip and timm for the architecture of a transformers folder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from retrieval.encoders.open_clip_encoder import quiet_open_clip
from retrieval.encoders.precision import torch_dtype
from retrieval.encoders.torchvision_ops import repair_torchvision

if TYPE_CHECKING:
    import torch

    from retrieval.encoders.hf_config import Architecture, Text, Tower
    from retrieval.types import Precision


def build_towers(architecture: Architecture, crop: tuple[int, int], precision: Precision) -> torch.nn.ModuleDict:
    """Build the towers with random weights.

    Args:
        architecture: from :func:`retrieval.encoders.hf_config.read_architecture`.
        crop: height and width of the images.
        precision: type of the weights; norms of open_clip's towers stay in float32.

    Returns:
        ``visual``, and ``text`` if there is one. Their keys are those of :func:`retrieval.encoders.hf_keys.rename`.

    Raises:
        AssertionError: the size of the images is no multiple of the patches.
    """
    import torch

    text, half = architecture.text, precision != "fp32"
    visual = (
        _clip_vision(architecture, crop, half=half) if architecture.kind == "clip" else _timm_vision(architecture, crop)
    )
    towers = torch.nn.ModuleDict({"visual": visual})
    if text is not None:
        towers["text"] = _text(architecture, text, half=half)
    return towers.eval()


def in_precision(towers: torch.nn.ModuleDict, precision: Precision) -> torch.nn.ModuleDict:
    """Convert the weights as open_clip does: the layers of CLIP, and the whole of models with a tower of timm."""
    from open_clip.model import convert_weights_to_lp
    from open_clip.transformer import LayerNormFp32, VisionTransformer

    if precision == "fp32":
        return towers
    dtype = torch_dtype(precision)
    if isinstance(towers["visual"], VisionTransformer):
        convert_weights_to_lp(towers, dtype)
        return towers
    towers.to(dtype)
    for layer in towers.modules():
        if isinstance(layer, LayerNormFp32):
            layer.float()
    return towers


def _activation(tower: Tower) -> Any:
    """Return the layer of an activation."""
    import torch

    if tower.activation == "quick_gelu":
        quiet_open_clip()
        from open_clip.transformer import QuickGELU

        return QuickGELU
    return torch.nn.GELU if tower.activation == "gelu" else partial(torch.nn.GELU, approximate="tanh")


def _norm(tower: Tower, *, half: bool) -> Any:
    quiet_open_clip()
    from open_clip.transformer import LayerNorm, LayerNormFp32

    return partial(LayerNormFp32 if half else LayerNorm, eps=tower.epsilon)


def _ratio(tower: Tower) -> float:
    """Return the width of the MLP as a multiple of that of the tower; the libraries truncate the product."""
    return (tower.hidden + 0.5) / tower.width


def _clip_vision(architecture: Architecture, crop: tuple[int, int], *, half: bool) -> torch.nn.Module:
    vision = architecture.vision
    quiet_open_clip()
    from open_clip.transformer import VisionTransformer

    made: torch.nn.Module = VisionTransformer(
        image_size=crop,
        patch_size=vision.patch,
        width=vision.width,
        layers=vision.layers,
        heads=vision.heads,
        mlp_ratio=_ratio(vision),
        output_dim=architecture.dimension,
        act_layer=_activation(vision),
        norm_layer=_norm(vision, half=half),
    )
    return made


def _timm_vision(architecture: Architecture, crop: tuple[int, int]) -> torch.nn.Module:
    """Return the image tower of SigLIP, which pools by attention, or of DINOv2, whose vector is its class token."""
    repair_torchvision()
    import torch
    from timm.layers import SwiGLUPacked
    from timm.models.vision_transformer import VisionTransformer

    vision, siglip = architecture.vision, architecture.kind == "siglip"
    special: dict[str, Any] = {"class_token": False, "global_pool": "map"}
    if not siglip:
        special = {"global_pool": "token", "init_values": 1.0, "no_embed_class": True, "reg_tokens": vision.registers}
    # timm's packed SwiGLU counts both of its halves
    ratio = (2 * vision.hidden + 0.5) / vision.width if vision.swiglu else _ratio(vision)
    if vision.swiglu:
        special |= {"mlp_layer": SwiGLUPacked}
    made: torch.nn.Module = VisionTransformer(
        img_size=crop,
        patch_size=vision.patch,
        num_classes=0,
        embed_dim=vision.width,
        depth=vision.layers,
        num_heads=vision.heads,
        mlp_ratio=ratio,
        qkv_bias=vision.qkv_bias,
        norm_layer=partial(torch.nn.LayerNorm, eps=vision.epsilon),
        act_layer=torch.nn.SiLU if vision.swiglu else _activation(vision),
        **special,
    )
    return made


def _text(architecture: Architecture, text: Text, *, half: bool) -> torch.nn.Module:
    """Return the text tower; that of SigLIP reads in both directions and pools the last token."""
    quiet_open_clip()
    from open_clip.transformer import TextTransformer

    pooled: dict[str, Any] = {"pool_type": "argmax"} if text.eos is None else {"pool_type": "eos", "eos_id": text.eos}
    if architecture.kind == "siglip":
        pooled = {"pool_type": "last", "no_causal_mask": True, "proj_bias": True}
    made: torch.nn.Module = TextTransformer(
        context_length=text.context,
        vocab_size=text.vocabulary,
        width=text.width,
        heads=text.heads,
        layers=text.layers,
        mlp_ratio=_ratio(text),
        output_dim=architecture.dimension,
        act_layer=_activation(text),
        norm_layer=_norm(text, half=half),
        **pooled,
    )
    return made
