from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.timm_encoder import FAMILY
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, WeightsError
from tests.support.encoder_heads import check_head
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Encoder


def make(name: str, **named: Any) -> Encoder:
    return load(resolve(EncoderRequest(f"timm/{name}", device="cpu", **named)), "cpu")


def timm_model(name: str, classes: int = 5) -> Any:
    repair_torchvision()
    import timm

    torch.manual_seed(0)
    return timm.create_model(name, num_classes=classes).eval()


@pytest.mark.parametrize(
    "name", ["test_vit", "test_resnet", "test_efficientnet", "test_convnext", "test_nfnet", "test_maxvit"]
)
def test_a_head_of_another_size_gives_the_models_logits(name: str, tmp_path: Path) -> None:
    model = timm_model(name)
    torch.save({"state_dict": {f"net._orig_mod.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "w.ckpt")
    check_head(make(f"{name}:{tmp_path / 'w.ckpt'}"), model, 5)


def test_features_without_a_classifier_are_enough(tmp_path: Path) -> None:
    model = timm_model("test_resnet")
    whole, bare = tmp_path / "whole.safetensors", tmp_path / "bare.safetensors"
    save_file(model.state_dict(), whole)
    save_file({k: v for k, v in model.state_dict().items() if not k.startswith("fc.")}, bare)
    batch = np.random.default_rng(1).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    full, cut = make(f"test_resnet:{whole}"), make(f"test_resnet:{bare}")
    assert cut.head is None
    assert np.array_equal(full.encode_images(batch).vectors, cut.encode_images(batch).vectors)


def test_two_classifiers_are_no_single_head(tmp_path: Path) -> None:
    model = timm_model("deit_tiny_distilled_patch16_224")
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    encoder = make(f"deit_tiny_distilled_patch16_224:{tmp_path / 'w.safetensors'}")
    assert encoder.head is None
    assert encoder.dimension == 192


def test_a_file_of_another_model_does_not_fit(tmp_path: Path) -> None:
    save_file(timm_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"w\.safetensors does not fit timm/test_resnet: \d+ missing \(conv1"):
        make(f"test_resnet:{tmp_path / 'w.safetensors'}")


def test_a_vit_of_another_size_resamples_its_positions(tmp_path: Path) -> None:
    save_file(timm_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    encoder = make(f"test_vit:{tmp_path / 'w.safetensors'}", preprocess=("img_size=192,mean=0,std=1",))
    assert "w.safetensors: the positions of 101 tokens are interpolated to 145" in encoder.notes[0]
    from timm import create_model
    from timm.layers import resample_abs_pos_embed

    reference, state = (
        create_model("test_vit", num_classes=5, img_size=192).eval(),
        load_file(tmp_path / "w.safetensors"),
    )
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], [12, 12], num_prefix_tokens=1)
    reference.load_state_dict(state)
    image = np.random.default_rng(0).integers(0, 256, (1, 192, 192, 3), dtype=np.uint8)
    with torch.no_grad():
        features = reference.forward_head(
            reference.forward_features(torch.from_numpy(image).permute(0, 3, 1, 2) / 255), pre_logits=True
        )
    expected = torch.nn.functional.normalize(features, dim=1)
    assert np.allclose(encoder.encode_images(image).vectors, expected, atol=1e-5)
    with pytest.raises(InputError, match="leave crop out"):
        make("test_vit", random_init=0, preprocess=("crop=7",))


@pytest.mark.parametrize(
    "name",
    ["resnet50.a1_in1k", "vit_base_patch16_224.augreg_in21k", "convnext_tiny.fb_in1k", "efficientnet_b3.ra2_in1k",
     "vit_base_patch16_siglip_224.webli", "resnetv2_50.a1h_in1k"],
)  # fmt: skip
def test_a_tag_has_timms_own_evaluation_transform(name: str) -> None:
    repair_torchvision()
    import timm
    from timm.data import create_transform, resolve_data_config

    model, implied = FAMILY.check(name)
    assert f"{model}.{implied}" == name
    _, _, source, own, *_ = FAMILY.describe(model, f"tag:{implied}")
    assert source == f"tag:{implied}"
    data = resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    assert (own.mean, own.std) == (tuple(data["mean"]), tuple(data["std"]))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 260, 3), dtype=np.uint8))
    expected = create_transform(**data, normalize=False)(image).permute(1, 2, 0).numpy()
    assert np.array_equal(pixels(image, own), expected)


@needs_shared
@pytest.mark.slow
def test_the_real_efficientnet_gives_its_own_logits() -> None:
    from safetensors.torch import load_file

    file = SHARED / "weights" / "efficientnet_b3_mushroom7.safetensors"
    encoder = make(f"efficientnet_b3:{file}", preprocess=("resize=320,crop=300",))
    assert encoder.dimension == 1536
    model = timm_model("efficientnet_b3", classes=7)
    model.load_state_dict(load_file(file))
    check_head(encoder, model.eval(), 7)
