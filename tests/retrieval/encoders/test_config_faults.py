"""Odd configurations beside weights are refused in one sentence, before a model is built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.config_faults import exceeds_weights, open_clip_fault
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, WeightsError

if TYPE_CHECKING:
    from pathlib import Path

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 12, "width": 32, "heads": 2, "layers": 1}


def config(vision: Any = None, text: Any = None, **pixels: Any) -> dict[str, Any]:
    model = {
        "embed_dim": 8,
        "vision_cfg": VISION | (vision or {}) if not isinstance(vision, str) else vision,
        "text_cfg": TEXT | (text or {}) if not isinstance(text, str) else text,
    }
    return {"model_cfg": model, "preprocess_cfg": pixels}


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a repository in the cache of the hub, with weights of one number."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--org--repo" / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (tmp_path / "models--org--repo" / "refs").mkdir()
    (tmp_path / "models--org--repo" / "refs" / "main").write_text(folder.name)
    for name in ("open_clip_model.safetensors", "model.safetensors"):
        save_file({"a": torch.ones(1)}, folder / name)
    return folder


@pytest.mark.parametrize(
    "content",
    [
        [], {"model_cfg": []}, {"model_cfg": {"embed_dim": 8}}, config("x"), config(None, "x"),
        config({"image_size": -3}),
        config({"image_size": 10**6}), config({"image_size": []}), config({"patch_size": 0}),
        config({"head_width": 0}), config({"layers": "many"}), config(mean="abc"), config(std=[0, 0, 0]),
        config(resize_mode="other"), config() | {"preprocess_cfg": [1]},
    ],
)  # fmt: skip
def test_a_configuration_of_another_form_says_what_is_wrong(snapshot: Path, content: Any) -> None:
    (snapshot / "open_clip_config.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"open_clip_config.json describes no open_clip model \(.+\); name the arch"):
        resolve(EncoderRequest("open_clip/hf-hub:org/repo", device="cpu"))


@pytest.mark.parametrize(
    ("vision", "text"),
    [
        ({"layers": 10**7}, {}), ({"width": 10**6}, {}), ({}, {"vocab_size": 10**9}), ({}, {"context_length": 10**8}),
    ],
)  # fmt: skip
def test_a_model_far_larger_than_its_weights_is_not_built(snapshot: Path, vision: Any, text: Any) -> None:
    (snapshot / "open_clip_config.json").write_text(json.dumps(config(vision, text)))
    spec = resolve(EncoderRequest("open_clip/hf-hub:org/repo", device="cpu"))
    with pytest.raises(WeightsError, match="describes a model far larger than"):
        load(spec, "cpu")


@pytest.mark.parametrize(
    "pretrained",
    [
        [1], {"input_size": "abc"}, {"input_size": [3, 10**9, 10**9]}, {"crop_pct": 0}, {"crop_mode": "other"},
        {"mean": "a"}, {"std": [0, 0, 0]},
    ],
)  # fmt: skip
def test_preprocessing_of_timm_of_another_form_says_what_is_wrong(snapshot: Path, pretrained: Any) -> None:
    (snapshot / "config.json").write_text(json.dumps({"pretrained_cfg": pretrained}))
    with pytest.raises(InputError, match=r"config.json has no preprocessing of timm \(.+\); give `preprocess`"):
        resolve(EncoderRequest("timm/test_vit:hf-hub:org/repo", device="cpu"))


def test_the_configurations_of_open_clip_pass() -> None:
    import open_clip

    for name in open_clip.list_models():
        assert open_clip_fault({"model_cfg": open_clip.get_model_config(name)}) is None, name


@pytest.mark.parametrize(
    ("name", "numbers"), [("RN50", 102_007_137), ("ViT-B-32", 151_277_313), ("ViT-L-14", 427_616_513)]
)
def test_models_fit_their_weights_in_half_precision(name: str, numbers: int) -> None:
    import open_clip

    assert not exceeds_weights(open_clip.get_model_config(name), 2 * numbers)
