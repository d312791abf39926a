"""Check what configurations of strangers say of a model, before a model of that size is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from retrieval.limits import FREE_BYTES

LARGEST_IMAGE = 8192
"""Pixels of a side of the image that a model reads."""

_SIZES = (
    "embed_dim",
    "image_size",
    "patch_size",
    "layers",
    "width",
    "head_width",
    "heads",
    "context_length",
    "vocab_size",
)
_MODES = ("shortest", "longest", "squash")


def open_clip_fault(config: Any) -> str | None:
    """Return what is wrong with the contents of ``open_clip_config.json``; None if nothing is."""
    model = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model, dict):
        return "model_cfg is missing"
    for name in ("vision_cfg", "text_cfg"):
        if not isinstance(model.get(name), dict):
            return f"{name} is missing"
    for part in (model, model["vision_cfg"], model["text_cfg"]):
        for name in _SIZES:
            if part.get(name) is not None and not are_sizes(part[name]):
                return f"{name} is {part[name]!r:.40}"
    size = model["vision_cfg"].get("image_size", 1)
    if max(size if isinstance(size, list) else [size]) > LARGEST_IMAGE:
        return f"image_size is above {LARGEST_IMAGE}"
    pixels = config.get("preprocess_cfg", {})
    return pixels_fault(pixels) if isinstance(pixels, dict) else "preprocess_cfg is no mapping"


def pixels_fault(pixels: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the mean, the standard deviation and the way of resizing of a configuration."""
    for name in ("mean", "std"):
        values = pixels.get(name)
        if values is not None and not _are_colours(values, positive=name == "std"):
            return f"{name} is {values!r:.40}"
    if pixels.get("resize_mode") not in (None, "", *_MODES):
        return f"resize_mode is {pixels['resize_mode']!r:.40}"
    return None


def are_sizes(value: Any) -> bool:
    """Return whether a value is a positive whole number, or a short list of them."""
    values = value if isinstance(value, list) and 0 < len(value) <= 8 else [value]  # as ResNet's layers
    return all(isinstance(number, int) and number > 0 for number in values)


def _are_colours(values: Any, *, positive: bool) -> bool:
    three = isinstance(values, list) and len(values) == 3  # red, green, blue
    return three and all(
        isinstance(number, int | float) and math.isfinite(number) and (number > 0 or not positive) for number in values
    )


def exceeds_weights(model: Mapping[str, Any], stored: int) -> bool:
    """Return whether a transformer is far larger than the file of its weights.

    Args:
        model: the ``model_cfg`` of ``open_clip_config.json``.
        stored: bytes of the file.
    """
    vision, text = model["vision_cfg"], model["text_cfg"]
    numbers = 0
    if not vision.get("timm_model_name"):
        numbers += _transformer_numbers(vision, 768, model.get("embed_dim", 1))
    if not text.get("hf_model_name"):
        numbers += _transformer_numbers(text, 512, model.get("embed_dim", 1))
    return 4 * numbers > FREE_BYTES + 4 * stored


def _transformer_numbers(part: Mapping[str, Any], width: int, embed_dim: Any) -> int:
    """Return at least how many numbers a tower holds: attention, embeddings, the mask of a text tower."""
    width, layers, context = part.get("width") or width, part.get("layers") or 12, part.get("context_length") or 0
    side, patch = part.get("image_size") or 1, part.get("patch_size") or 16
    patches = (side // patch) ** 2 if isinstance(side, int) and isinstance(patch, int) else 0
    attention = layers * 4 * width * width if isinstance(layers, int) else 0  # a list of layers is of a ResNet
    columns = embed_dim if isinstance(embed_dim, int) else 1
    return int(attention + ((part.get("vocab_size") or 0) + context + patches + columns) * width + context * context)
