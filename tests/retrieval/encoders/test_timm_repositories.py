"""Configurations of timm that come with weights; ``tests/retrieval/encoders/test_names.py`` has the usual ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.timm_repositories import architecture, model_args
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, UnknownNameError
from tests.support import hub_cache

if TYPE_CHECKING:
    from pathlib import Path


def configured(folder: Path, **config: Any) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return f"folder:{folder}"


def test_the_architecture_is_a_model_of_timm(tmp_path: Path) -> None:
    assert architecture(configured(tmp_path, architecture="test_vit")) == "test_vit"
    assert architecture(configured(tmp_path, architecture="resnet50.a1_in1k")) == "resnet50"
    with pytest.raises(UnknownNameError, match=r"is of 'vit_of_next_year', which this version of timm does not have"):
        architecture(configured(tmp_path, architecture="vit_of_next_year"))
    with pytest.raises(UnknownNameError, match=r"leave the family out: `encoder=/"):
        architecture(configured(tmp_path, model_type="clip"))
    with pytest.raises(UnknownNameError, match=r"whose config\.json names its `architecture`\."):
        architecture(configured(tmp_path))


def test_a_repository_of_open_clip_named_as_one_of_timm_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_cache.offline(tmp_path, monkeypatch)
    hub_cache.repository(tmp_path, "org/clip", {"open_clip_config.json": "{}"})
    (tmp_path / "models--org--clip" / ".no_exist" / hub_cache.COMMIT).mkdir(parents=True)
    (tmp_path / "models--org--clip" / ".no_exist" / hub_cache.COMMIT / "config.json").touch()
    with pytest.raises(UnknownNameError, match=r"no repository of timm.*`encoder=hf-hub:org/clip`"):
        resolve(EncoderRequest("timm/hf-hub:org/clip", device="cpu"))


def test_a_model_is_built_as_its_configuration_says(tmp_path: Path) -> None:
    """Global pooling moves the norm of a ViT, so that weights of one kind do not fit the other."""
    repair_torchvision()
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=0, global_pool="avg", img_size=64).eval()
    save_file(dict(model.state_dict()), tmp_path / "model.safetensors")
    configured(
        tmp_path,
        architecture="test_vit",
        pretrained_cfg={"input_size": [3, 64, 64], "fixed_input_size": True},
        model_args={"global_pool": "avg", "img_size": 64, "num_classes": 5},
    )
    encoder = load(resolve(EncoderRequest(str(tmp_path), precision="fp32", device="cpu")), "cpu")
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    own = encoder.encode_images(pixels.numpy()).vectors
    assert encoder.spec.preprocess is not None
    mean, std = (torch.tensor(values) for values in (encoder.spec.preprocess.mean, encoder.spec.preprocess.std))
    with torch.inference_mode():
        expected = model(((pixels / 255 - mean) / std).permute(0, 3, 1, 2))
    torch.testing.assert_close(torch.from_numpy(own), torch.nn.functional.normalize(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "stated", [{"checkpoint_path": "/etc/passwd"}, {"img_size": 10**6}, {"depth": 9}, {"img_size": [[1]]}, [1]]
)
def test_arguments_that_are_not_of_a_model_are_refused(stated: Any, tmp_path: Path) -> None:
    source = configured(tmp_path, architecture="test_vit", model_args=stated)
    with pytest.raises(InputError, match=r"config\.json builds test_vit with model_args that Vitrine does not take"):
        model_args("test_vit", source)
    assert model_args("another", source) == {}
    assert model_args("test_vit", "tag:a") == {}
