"""Folders as training jobs leave them: a card and its parts, with small models in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file

from retrieval.encoders.adapter import MATRIX, PARENT, parent_json
from retrieval.encoders.adapter_encoder import adapter_model
from retrieval.encoders.artefact import write_card
from retrieval.encoders.clipreid_encoder import SMALL_TEXT
from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.types import Preprocess
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import EncoderSpec, Float32

WEIGHTS, CONFIG = "open_clip_model.safetensors", "open_clip_config.json"
PIXELS = Preprocess(resize=32, crop=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def two_towers(folder: Path, name: str = "own", seed: int = 5) -> Path:
    """A small CLIP with open_clip's own vocabulary; the caller has registered :mod:`tests.support.tiny_open_clip`."""
    folder.mkdir(parents=True)
    save_file(tiny.state_dict(seed), folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": tiny.CONFIG, "preprocess_cfg": {}}))
    (folder / "recipe.json").write_text("{}")
    write_card(folder, "open_clip", name, PIXELS, WEIGHTS, [WEIGHTS, CONFIG, "recipe.json"])
    return folder


def linear_adapter(folder: Path, parent: EncoderSpec, matrix: Float32, method: str = "rla", view: str = "base") -> Path:
    """An adapter of a parent, as the job ``adapter`` leaves it."""
    folder.mkdir(parents=True)
    save_file({MATRIX: torch.from_numpy(matrix)}, folder / "weights.safetensors")
    (folder / PARENT).write_bytes(parent_json(parent, view))
    write_card(folder, "adapter", adapter_model(parent, method), parent.preprocess, "weights.safetensors",
               ["weights.safetensors", PARENT])  # fmt: skip
    return folder


def adapted_towers(folder: Path, seed: int = 5) -> Path:
    """An adapter of a small CLIP, whose folder lies beside it."""
    parent = resolve(EncoderRequest(str(two_towers(folder.with_name("parent"))), device="cpu"))
    size = tiny.CONFIG["embed_dim"]
    matrix = np.eye(size) + 0.3 * np.random.default_rng(seed).standard_normal((size, size))
    return linear_adapter(folder, parent, matrix.astype(np.float32))


def classifier(folder: Path, classes: int = 3) -> Path:
    """A small timm model with a classifier; its architecture is known by name."""
    repair_torchvision()
    import timm

    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", num_classes=classes).state_dict(), folder / "model.safetensors")
    write_card(folder, "timm", "test_vit", Preprocess(64, (64, 64), PIXELS.mean, PIXELS.std), "model.safetensors",
               ["model.safetensors"])  # fmt: skip
    return folder


def reid_tower(folder: Path, kind: str) -> Path:
    """A small image tower (``vit`` or ``resnet``) as CLIP-ReID leaves it."""
    repair_torchvision()
    from open_clip.model import CLIP

    vision = {
        "vit": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "resnet": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 64},
    }[kind]
    folder.mkdir(parents=True)
    torch.manual_seed(6)
    visual = CLIP(12, vision, SMALL_TEXT).visual
    save_file({f"visual.{name}": value for name, value in visual.state_dict().items()}, folder / "weights.safetensors")
    config = {"model_cfg": {"embed_dim": 12, "vision_cfg": vision, "text_cfg": SMALL_TEXT}}
    (folder / CONFIG).write_text(json.dumps(config))
    write_card(folder, "clipreid", f"small-{kind}", PIXELS, "weights.safetensors", ["weights.safetensors", CONFIG])
    return folder
