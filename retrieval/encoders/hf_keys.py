"""Rename and reshape tensors of transformers to those of the towers in :mod:`retrieval.encoders.hf_model`.

The image tower of CLIP and all text towers are open_clip's; the image towers of SigLIP and DINOv2 are timm's.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from retrieval.encoders.networks import without_compiled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from retrieval.encoders.hf_config import Kind

    Tensors = dict[str, torch.Tensor]

_TEXT = (
    (r"text_model\.embeddings\.token_embedding\.weight", "text.token_embedding.weight"),
    (r"text_model\.embeddings\.position_embedding\.weight", "text.positional_embedding"),
    (r"text_model\.final_layer_norm\.", "text.ln_final."),
    (r"text_model\.encoder\.layers\.", "text.transformer.resblocks."),
    (r"text_model\.head\.", "text.text_projection."),
)
_RESBLOCKS = (
    (r"(\.resblocks\.\d+)\.layer_norm(\d)\.", r"\1.ln_\2."),
    (r"(\.resblocks\.\d+)\.self_attn\.", r"\1.attn."),
    (r"(\.resblocks\.\d+)\.mlp\.fc1\.", r"\1.mlp.c_fc."),
    (r"(\.resblocks\.\d+)\.mlp\.fc2\.", r"\1.mlp.c_proj."),
)
RULES: dict[Kind, tuple[tuple[str, str], ...]] = {
    "clip": (
        *_TEXT,
        (r"text_projection\.weight", "text.text_projection"),
        (r"vision_model\.embeddings\.class_embedding", "visual.class_embedding"),
        (r"vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
        (r"vision_model\.embeddings\.position_embedding\.weight", "visual.positional_embedding"),
        (r"vision_model\.pre_layrnorm\.", "visual.ln_pre."),
        (r"vision_model\.post_layernorm\.", "visual.ln_post."),
        (r"vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
        (r"visual_projection\.weight", "visual.proj"),
        *_RESBLOCKS,
    ),
    "siglip": (
        *_TEXT,
        (r"vision_model\.embeddings\.patch_embedding\.", "visual.patch_embed.proj."),
        (r"vision_model\.embeddings\.position_embedding\.weight", "visual.pos_embed"),
        (r"vision_model\.post_layernorm\.", "visual.norm."),
        (r"vision_model\.head\.probe", "visual.attn_pool.latent"),
        (r"vision_model\.head\.attention\.out_proj\.", "visual.attn_pool.proj."),
        (r"vision_model\.head\.layernorm\.", "visual.attn_pool.norm."),
        (r"vision_model\.head\.", "visual.attn_pool."),
        (r"vision_model\.encoder\.layers\.", "visual.blocks."),
        (r"(\.blocks\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
        (r"(\.blocks\.\d+)\.self_attn\.out_proj\.", r"\1.attn.proj."),
        (r"(\.blocks\.\d+)\.self_attn\.", r"\1.attn."),
        *_RESBLOCKS,
    ),
    "dinov2": (
        (r"embeddings\.cls_token", "visual.cls_token"),
        (r"embeddings\.register_tokens", "visual.reg_token"),
        (r"embeddings\.position_embeddings", "visual.pos_embed"),
        (r"embeddings\.patch_embeddings\.projection\.", "visual.patch_embed.proj."),
        (r"layernorm\.", "visual.norm."),
        (r"encoder\.layer\.", "visual.blocks."),
        (r"(\.blocks\.\d+)\.attention\.attention\.", r"\1.attn."),
        (r"(\.blocks\.\d+)\.attention\.output\.dense\.", r"\1.attn.proj."),
        (r"(\.blocks\.\d+)\.layer_scale(\d)\.lambda1", r"\1.ls\2.gamma"),
        (r"(\.blocks\.\d+)\.mlp\.weights_in\.", r"\1.mlp.fc1."),
        (r"(\.blocks\.\d+)\.mlp\.weights_out\.", r"\1.mlp.fc2."),
    ),
}
"""Beginnings of keys of transformers (rules with ``(\\.`` match anywhere) and what they become, in this order."""

_DROPPED = re.compile(r".*\.position_ids|embeddings\.mask_token")
"""Buffers that follow from the sizes, and the token of DINOv2's training."""

_OUTER = ("clip.", "siglip.", "dinov2.", "dinov2_with_registers.")
"""Prefixes in files of models with a classifier."""


def rename(tensors: Mapping[str, torch.Tensor], kind: Kind) -> Tensors:
    """Return the tensors of a file under the names of our towers; keys without a rule keep theirs."""
    inner = _without_outer(without_compiled(tensors))
    renamed = {_renamed(key, RULES[kind]): value for key, value in inner.items() if not _DROPPED.fullmatch(key)}
    joined = _join_attention(renamed)
    for key in ("visual.proj", *(("text.text_projection",) if kind == "clip" else ())):
        if key in joined:
            joined[key] = joined[key].T.contiguous()
    if kind == "siglip":
        _split_pool(joined)
        if "visual.pos_embed" in joined and joined["visual.pos_embed"].ndim == 2:
            joined["visual.pos_embed"] = joined["visual.pos_embed"][None]
    if kind == "dinov2":
        _merge_class_position(joined)
    return joined


def _without_outer(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Remove the name of the encoder before its keys; keys of an image tower alone become as beside a text tower."""
    cut = {}
    for key, value in tensors.items():
        outer = next((name for name in _OUTER if key.startswith(name)), "")
        cut[key.removeprefix(outer)] = value
    if "embeddings.patch_embedding.weight" in cut:
        return {f"vision_model.{key}": value for key, value in cut.items()}
    return cut


def _renamed(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        anywhere = pattern.startswith("(")
        key = re.sub(pattern if anywhere else f"^{pattern}", replacement, key)
    return key


def _join_attention(tensors: Tensors) -> Tensors:
    """Join queries, keys and values: of open_clip to ``in_proj_weight``, of timm to ``qkv.weight``."""
    import torch

    part = re.compile(r"(.*\.attn)\.(?:q_proj|query)\.(weight|bias)")
    joined = dict(tensors)
    for key in tensors:
        if (match := part.fullmatch(key)) is None:
            continue
        names = [
            key.replace(".q_proj.", f".{letter}_proj.").replace(".query.", f".{word}.")
            for letter, word in (("q", "query"), ("k", "key"), ("v", "value"))
        ]
        if all(name in joined for name in names):
            stem, kind = match.groups()
            target = f"{stem}.in_proj_{kind}" if ".resblocks." in stem else f"{stem}.qkv.{kind}"
            joined[target] = torch.cat([joined.pop(name) for name in names])
    return joined


def _split_pool(tensors: Tensors) -> None:
    """Split the joint projection of SigLIP's pooling into timm's ``q`` and ``kv``."""
    for kind in ("weight", "bias"):
        joint = tensors.pop(f"visual.attn_pool.attention.in_proj_{kind}", None)
        if joint is not None:
            third = len(joint) // 3
            tensors[f"visual.attn_pool.q.{kind}"] = joint[:third]
            tensors[f"visual.attn_pool.kv.{kind}"] = joint[third:]


def _merge_class_position(tensors: Tensors) -> None:
    """Add the position of the class token to that token, so that only patches have positions."""
    positions, token = tensors.get("visual.pos_embed"), tensors.get("visual.cls_token")
    if positions is not None and token is not None and positions.ndim == token.ndim == 3:
        tensors["visual.cls_token"] = token + positions[:, :1]
        tensors["visual.pos_embed"] = positions[:, 1:]


def resize_positions(tensors: Tensors, size: tuple[int, int], *, antialias: bool = False) -> int | None:
    """Interpolate the positions of patches to a grid of another size, as transformers does (bicubic).

    Args:
        tensors: from :func:`rename`; changed in place.
        size: rows and columns of patches.
        antialias: whether a smaller grid is smoothed, as for DINOv2 with registers.

    Returns:
        Side of the square grid of the file, if it is another; else None.
    """
    import torch

    if "visual.pos_embed" in tensors:
        key, first = "visual.pos_embed", 0
    elif "visual.positional_embedding" in tensors:
        key, first = "visual.positional_embedding", 1  # the class token's
    else:
        return None
    positions = tensors[key] if tensors[key].ndim == 3 else tensors[key][None]
    patches = positions.shape[1] - first
    side = math.isqrt(max(patches, 0))
    if side * side != patches or (side, side) == size:
        return None
    grid = positions[:, first:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=size, mode="bicubic", align_corners=False, antialias=antialias)
    moved = grid.permute(0, 2, 3, 1).reshape(1, size[0] * size[1], -1).to(positions.dtype)
    resized = torch.cat([positions[:, :first], moved], 1)
    tensors[key] = resized if tensors[key].ndim == 3 else resized[0]
    return side
