"""Small networks of the libraries that jobs train, with the parameter names of the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from tests.support import tiny_open_clip
from training.models.towers import ImageTower, tower_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
VIT: dict[str, Any] = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": TEXT,
}
RESNET: dict[str, Any] = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 64},
    "text_cfg": TEXT,
}
CUSTOM: dict[str, Any] = {**VIT, "custom_text": True}
CONFIGS = {"small-vit": VIT, "small-rn": RESNET, "small-custom": CUSTOM}

NAMES = {
    "vit": "open_clip/small-vit",
    "resnet": "open_clip/small-rn",
    "custom": "open_clip/small-custom",
    "timm": "timm/test_efficientnet",
    "timm-vit": "timm/test_vit",
    "torchvision": "torchvision/resnet18",
}
"""Kind of tower -> name of an encoder; those of open_clip are registered by :func:`register`."""


def register(folder: Path) -> None:
    """Make the small models of open_clip known to it."""
    for name, config in CONFIGS.items():
        tiny_open_clip.register(folder, name, config)


def tower(kind: str, seed: int = 1) -> ImageTower:
    """A network with random weights."""
    size = ("img_size=64",) if kind == "torchvision" else ()
    request = EncoderRequest(NAMES[kind], random_init=seed, precision="fp32", device="cpu", preprocess=size)
    return tower_of(resolve(request), "cpu")
