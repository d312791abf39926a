from __future__ import annotations

import dataclasses
import importlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.registry import FAMILIES, family, load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, MissingFileError, UnknownNameError, WeightsError
from retrieval.types import EncoderSpec
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path


RANDOM = EncoderRequest("timm/test_vit", random_init=1, device="cpu")


def test_the_table_names_families_that_exist() -> None:
    assert {name for name in FAMILIES if family(name).is_contrastive("clip-vit-b-32")} == {"hf", "open_clip"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tim/resnet50", "Did you mean 'timm'"),
        ("timm/resnet5O", "Did you mean 'resnet50'"),
        ("timm/resnet50.a9_in1k", "Did you mean '.*a_in1k'"),
        ("timm/resnet50:a9_in1k", "Did you mean '.*a_in1k'"),
        ("open_clip/ViT-B-23", "Did you mean 'ViT-B-32'"),
        ("open_clip/ViT-B-32:laion2b_s34b_b79", "Did you mean 'laion2b_s34b_b79k'"),
        ("torchvision/resnet81", "Did you mean 'resnet18'"),
        ("torchvision/resnet18:IMAGENET1K_V3", "Did you mean 'IMAGENET1K_V1'"),
        ("open_clip/hf-hub:nothing", "ORGANISATION/REPOSITORY"),
    ],
)
def test_unknown_names_come_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        resolve(EncoderRequest(name, device="cpu"))


@pytest.mark.parametrize("name", ["timm/resnet50", "torchvision/resnet50", "open_clip/ViT-B-32"])
def test_no_weights_named_is_an_error_with_three_ways_out(name: str) -> None:
    with pytest.raises(InputError, match=r"`weights=TAG` \(its tags: \S+, .*`weights=FILE`.*`random_init=SEED`"):
        resolve(EncoderRequest(name, device="cpu"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(f"open_clip/{tiny.NAME}", "CLIP"), ("timm/test_resnet", "ResNet"), ("torchvision/resnet18", "ResNet")],
)
def test_a_model_is_looked_up_without_building_it_and_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    tiny.register(tmp_path)
    built: list[str] = []
    construct = torch.nn.Module.__init__

    def count(module: torch.nn.Module, *args: Any, **options: Any) -> None:
        built.append(type(module).__name__)
        construct(module, *args, **options)

    monkeypatch.setattr(torch.nn.Module, "__init__", count)
    spec = resolve(EncoderRequest(name, random_init=0, device="cpu"))
    assert "Conv2d" not in built
    load(spec, "cpu")
    assert built.count(kind) == 1


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_model_with_a_classifier_of_another_size_is_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    repair_torchvision()
    torch.manual_seed(0)
    model = importlib.import_module(f"{library}.models").resnet18(num_classes=7)
    save_file(dict(model.state_dict()), tmp_path / "w.safetensors")
    built: list[torch.nn.Module] = []
    construct = type(model).__init__

    def count(module: torch.nn.Module, *args: Any, **options: Any) -> None:
        built.append(module)
        construct(module, *args, **options)

    monkeypatch.setattr(type(model), "__init__", count)
    encoder = load(resolve(EncoderRequest(f"{library}/resnet18:{tmp_path / 'w.safetensors'}", device="cpu")), "cpu")
    assert len(built) == 1
    assert encoder.head is not None
    assert np.array_equal(encoder.head.weight, model.fc.weight.detach().numpy())


def test_identity_is_the_seed_and_the_torch_version() -> None:
    spec = resolve(RANDOM)
    assert spec.weights_digest == f"random-init:1:torch-{torch.__version__.partition('+')[0]}"
    assert resolve(RANDOM) == spec == EncoderSpec.from_json(spec.to_json())
    assert resolve(dataclasses.replace(RANDOM, random_init=2)).fingerprint != spec.fingerprint
    assert resolve(dataclasses.replace(RANDOM, preprocess=("resize=200",))).fingerprint != spec.fingerprint
    bf16 = resolve(dataclasses.replace(RANDOM, precision="bf16"))
    assert bf16.fingerprint != spec.fingerprint
    assert bf16.lineage == spec.lineage


def test_random_values_of_another_torch_are_refused() -> None:
    spec = dataclasses.replace(resolve(RANDOM), weights_digest="random-init:1:torch-1.0.0")
    with pytest.raises(WeightsError, match=r"random-init:1:torch-2.*instead of random-init:1:torch-1\.0\.0"):
        load(spec, "cpu")


def test_a_weight_file_may_move_but_not_change(tmp_path: Path) -> None:
    import timm

    file = tmp_path / "w.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    spec = resolve(EncoderRequest("timm/test_vit", weights=str(file), device="cpu"))
    moved = file.rename(tmp_path / "moved.safetensors")
    with pytest.raises(MissingFileError, match=r"w\.safetensors"):
        load(spec, "cpu")
    again = resolve(EncoderRequest(f"timm/test_vit:{moved}", device="cpu"))
    assert again.fingerprint == spec.fingerprint
    load(spec.at(f"file:{moved}"), "cpu")
    save_file(timm.create_model("test_vit").state_dict(), moved)
    os.utime(moved, ns=(1, 1))
    with pytest.raises(WeightsError, match=r"moved\.safetensors is not what this space was made with"):
        load(spec.at(f"file:{moved}"), "cpu")


def test_an_imported_space_has_no_encoder() -> None:
    with pytest.raises(InputError, match="imported"):
        load(EncoderSpec("imported", "clip", "", "", None, "fp32", 1))
