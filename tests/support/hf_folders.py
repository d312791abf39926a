"""Small CLIP, SigLIP and DINOv2 folders as transformers saves them, with weights from a seed, written without it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from retrieval.encoders.open_clip_encoder import quiet_open_clip

if TYPE_CHECKING:
    from pathlib import Path

VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
TEXT = {
    "hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 16,
}  # fmt: skip
DINO = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 32,
        "patch_size": 8}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "clip": {"model_type": "clip", "projection_dim": 8, "vision_config": VISION, "text_config": TEXT},
    "clip-gelu": {
        "model_type": "clip",
        "projection_dim": 8,
        "vision_config": {**VISION, "hidden_act": "gelu"},
        "text_config": {**TEXT, "hidden_act": "gelu", "eos_token_id": 2},
    },
    "clip-image": {"model_type": "clip_vision_model", "projection_dim": 8, **VISION},
    "siglip": {
        "model_type": "siglip",
        "vision_config": VISION,
        "text_config": {**TEXT, "vocab_size": 64, "projection_size": 32},
    },
    "dinov2": {"model_type": "dinov2", **DINO},
    "dinov2-swiglu": {"model_type": "dinov2", **DINO, "use_swiglu_ffn": True},
    "dinov2-registers": {"model_type": "dinov2_with_registers", **DINO, "num_register_tokens": 3},
}
"""What ``config.json`` says, by case; what it leaves out are defaults of transformers."""

PIXELS: dict[str, dict[str, Any]] = {
    "clip": {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "resample": 3},
    "siglip": {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "dinov2": {"size": {"shortest_edge": 27}, "crop_size": {"height": 24, "width": 24}, "resample": 3},
}
"""What ``preprocessor_config.json`` says, by kind; DINOv2 reads smaller images than its positions are for."""


def save(folder: Path, case: str, shards: int = 1, prefix: str = "") -> Path:
    """Write the folder of a case."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[case]))
    usual = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}
    (folder / "preprocessor_config.json").write_text(json.dumps({**usual, **PIXELS[case.partition("-")[0]]}))
    weights = {f"{prefix}{key}": value for key, value in tensors(case).items()}
    if shards == 1:
        save_file(weights, folder / "model.safetensors")
    else:
        names = {key: f"model-{at % shards + 1:05d}-of-{shards:05d}.safetensors" for at, key in enumerate(weights)}
        for name in set(names.values()):
            save_file({key: weights[key] for key in names if names[key] == name}, folder / name)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    if case in {"clip", "clip-gelu"}:
        ends = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
        encoder = quiet_open_clip().SimpleTokenizer().encoder
        vocabulary = {ends.get(token, token): number for token, number in encoder.items()}
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return folder


def tensors(case: str) -> dict[str, torch.Tensor]:
    """Make the weights of a case: normal numbers, large enough that activations and norms matter."""
    rng = np.random.default_rng(7)
    made = {}
    for key, shape in sorted(_shapes(case).items()):
        values = rng.normal(size=shape) * (0.5 if len(shape) < 2 else 1.2 / math.sqrt(shape[-1]))
        if key.endswith(("norm1.weight", "norm2.weight", "norm.weight", "layrnorm.weight", "lambda1")):
            values += 1
        made[key] = torch.from_numpy(np.asarray(values, np.float32))
    if "logit_scale" in made:
        made["logit_scale"] = torch.full(made["logit_scale"].shape, math.log(1 / 0.07))
    return made


def _shapes(case: str) -> dict[str, tuple[int, ...]]:
    config = CONFIGS[case]
    if case.startswith("dinov2"):
        return _dino_shapes(config)
    kind, alone = case.partition("-")[0], case.endswith("-image")
    shapes = _tower("vision_model", VISION) | {
        "vision_model.embeddings.patch_embedding.weight": (32, 3, 8, 8),
        "vision_model.embeddings.position_embedding.weight": (17 if kind == "clip" else 16, 32),
        **_layer("vision_model.post_layernorm", 32),
    }
    if kind == "clip":
        shapes |= {"vision_model.embeddings.class_embedding": (32,), "visual_projection.weight": (8, 32)}
        shapes |= _layer("vision_model.pre_layrnorm", 32)
    else:
        head = "vision_model.head"
        shapes |= {"vision_model.embeddings.patch_embedding.bias": (32,), f"{head}.probe": (1, 1, 32)}
        shapes |= {f"{head}.attention.in_proj_weight": (96, 32), f"{head}.attention.in_proj_bias": (96,)}
        shapes |= _layer(f"{head}.attention.out_proj", 32, 32) | _layer(f"{head}.layernorm", 32)
        shapes |= _layer(f"{head}.mlp.fc1", 48, 32) | _layer(f"{head}.mlp.fc2", 32, 48)
    return shapes if alone else shapes | _text_shapes(kind, config["text_config"])


def _text_shapes(kind: str, text: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    shapes = _tower("text_model", TEXT) | _layer("text_model.final_layer_norm", 16)
    shapes |= {"text_model.embeddings.token_embedding.weight": (text.get("vocab_size", 49408), 16)}
    shapes |= {"text_model.embeddings.position_embedding.weight": (16, 16)}
    if kind == "clip":
        return shapes | {"text_projection.weight": (8, 16), "logit_scale": ()}
    return shapes | _layer("text_model.head", 32, 16) | {"logit_scale": (1,), "logit_bias": (1,)}


def _tower(name: str, part: dict[str, int]) -> dict[str, tuple[int, ...]]:
    width, hidden = part["hidden_size"], part["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {}
    for at in range(part["num_hidden_layers"]):
        layer = f"{name}.encoder.layers.{at}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _layer(f"{layer}.self_attn.{projection}", width, width)
        shapes |= _layer(f"{layer}.layer_norm1", width) | _layer(f"{layer}.layer_norm2", width)
        shapes |= _layer(f"{layer}.mlp.fc1", hidden, width) | _layer(f"{layer}.mlp.fc2", width, hidden)
    return shapes


def _dino_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, 32),
        "embeddings.mask_token": (1, 32),
        "embeddings.position_embeddings": (1, 17, 32),
        **_layer("embeddings.patch_embeddings.projection", 32, 3, 8, 8),
        **_layer("layernorm", 32),
    }
    if "num_register_tokens" in config:
        shapes["embeddings.register_tokens"] = (1, config["num_register_tokens"], 32)
    for at in range(2):
        layer = f"encoder.layer.{at}"
        for projection in ("query", "key", "value"):
            shapes |= _layer(f"{layer}.attention.attention.{projection}", 32, 32)
        shapes |= _layer(f"{layer}.attention.output.dense", 32, 32)
        shapes |= _layer(f"{layer}.norm1", 32) | _layer(f"{layer}.norm2", 32)
        shapes |= {f"{layer}.layer_scale1.lambda1": (32,), f"{layer}.layer_scale2.lambda1": (32,)}
        if config.get("use_swiglu_ffn"):
            shapes |= _layer(f"{layer}.mlp.weights_in", 96, 32) | _layer(f"{layer}.mlp.weights_out", 32, 48)
        else:
            shapes |= _layer(f"{layer}.mlp.fc1", 64, 32) | _layer(f"{layer}.mlp.fc2", 32, 64)
    return shapes


def _layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
