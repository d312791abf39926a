from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from retrieval.encoders.hf_config import read_architecture
from retrieval.errors import InputError, WeightsError
from tests.support.hf_folders import CONFIGS

if TYPE_CHECKING:
    from pathlib import Path


def read(config: Any, folder: Path) -> Any:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return read_architecture(path)


def test_sizes_that_are_left_out_are_those_of_transformers(tmp_path: Path) -> None:
    clip = read({"model_type": "clip"}, tmp_path)
    assert (clip.name, clip.dimension, clip.text.context) == ("clip-vit-b-32", 512, 77)
    assert clip.vision.activation == "quick_gelu"
    siglip = read({"model_type": "siglip", "vision_config": {"image_size": 384}}, tmp_path)
    assert (siglip.name, siglip.dimension, siglip.vision.size) == ("siglip-vit-b-16", 768, 384)
    dino = read({"model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6, "image_size": 518}, tmp_path)
    assert (dino.name, dino.dimension, dino.vision.hidden, dino.text) == ("dinov2-vit-s-14", 384, 1536, None)
    giant = {"model_type": "dinov2", "hidden_size": 1536, "num_attention_heads": 24, "use_swiglu_ffn": True}
    assert read(giant, tmp_path).vision.hidden == 4096


def test_early_configurations_repeat_a_tower_with_the_values_that_hold(tmp_path: Path) -> None:
    parts = {"text_config": {"hidden_size": 512}, "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12}}
    assert read({"model_type": "clip", **parts}, tmp_path).text.width == 768


def test_the_token_of_the_text_is_the_one_of_the_end(tmp_path: Path) -> None:
    assert read(CONFIGS["clip"], tmp_path).text.eos == 49407
    assert read(CONFIGS["clip-gelu"], tmp_path).text.eos is None  # 2 stood there before it was noticed


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[1]", "names no model_type"),
        ({"hidden_size": 4}, "names no model_type"),
        ({"model_type": "dinov3_vit"}, "DINOv3 is in timm"),
        ({"model_type": "siglip2"}, "no fixed size"),
        ({"model_type": "bert"}, "models that are read are clip, clip_vision_model"),
    ],
)
def test_models_of_other_types_are_refused_with_a_way_out(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read(config, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": "768"},
        {"hidden_size": -1},
        {"num_hidden_layers": 10**12},
        {"num_attention_heads": 5},
        {"hidden_act": "relu6"},
        {"image_size": [224, 112]},
        {"image_size": 16, "patch_size": 32},
        {"layer_norm_eps": "small"},
        {"num_channels": 1},
    ],
)
def test_impossible_values_are_a_sentence(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json says .* is expected; fetch the folder again"):
        read({"model_type": "dinov2", **wrong}, tmp_path)
