"""Folders as training jobs leave them: a card and its parts, with small models in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from retrieval.encoders.artefact import write_card
from retrieval.types import Preprocess
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path

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


def classifier(folder: Path, classes: int = 3) -> Path:
    """A small timm model with a classifier; its architecture is known by name."""
    import timm

    folder.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", num_classes=classes).state_dict(), folder / "model.safetensors")
    write_card(folder, "timm", "test_vit", Preprocess(64, (64, 64), PIXELS.mean, PIXELS.std), "model.safetensors",
               ["model.safetensors"])  # fmt: skip
    return folder
