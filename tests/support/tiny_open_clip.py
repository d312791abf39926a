"""A small open_clip architecture of our own, so that real models build in milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import torch

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.encoders.open_clip_encoder import OpenClipEncoder

NAME = "vitrine-test-tiny"
CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def register(folder: Path, name: str = NAME, config: dict[str, Any] = CONFIG) -> None:
    repair_torchvision()
    import open_clip

    path = folder / f"{name}.json"
    path.write_text(json.dumps(config))
    open_clip.add_model_config(path)


def encoder(**named: Any) -> OpenClipEncoder:
    request = EncoderRequest(**{"name": f"open_clip/{NAME}", "precision": "fp32", "device": "cpu", **named})
    return cast("OpenClipEncoder", load(resolve(request), "cpu"))


def state_dict(seed: int = 5) -> dict[str, torch.Tensor]:
    model: torch.nn.Module = encoder(random_init=seed)._model
    return {key: value.clone(memory_format=torch.contiguous_format) for key, value in model.state_dict().items()}
