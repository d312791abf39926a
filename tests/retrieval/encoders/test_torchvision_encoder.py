from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.torchvision_encoder import FAMILY, OPTIONS, _classifier
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, WeightsError
from tests.support.encoder_heads import check_head

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Encoder


def make(name: str, **named: Any) -> Encoder:
    return load(resolve(EncoderRequest(f"torchvision/{name}", device="cpu", **named)), "cpu")


def torchvision_model(name: str, **options: Any) -> Any:
    repair_torchvision()
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, **options).eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5"])
def test_a_head_of_another_size_gives_the_models_logits(name: str, tmp_path: Path) -> None:
    model = torchvision_model(name, num_classes=5)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    check_head(make(f"{name}:{tmp_path / 'w.safetensors'}"), model, 5)


def test_the_class_count_is_that_of_the_network_itself(tmp_path: Path) -> None:
    model = torchvision_model("resnet18", num_classes=5)
    state = {f"model.resnet.{key}": value for key, value in model.state_dict().items()}
    torch.save({**state, "t.fc.weight": torch.ones(9, 512), "ema.fc.weight": torch.ones(9, 512)}, tmp_path / "w.pth")
    check_head(make(f"resnet18:{tmp_path / 'w.pth'}"), model, 5)


def test_a_linear_layer_behind_a_dropout_is_a_head_and_a_deeper_one_is_not(tmp_path: Path) -> None:
    model = torchvision_model("resnet18", num_classes=5)
    model.fc = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(512, 5)).eval()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    check_head(make(f"resnet18:{tmp_path / 'w.pth'}"), model, 5)
    model.fc = torch.nn.Sequential(torch.nn.Linear(512, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5))
    torch.save(model.state_dict(), tmp_path / "deep.pth")
    deep = make(f"resnet18:{tmp_path / 'deep.pth'}")
    assert deep.head is None
    assert "fc belongs to the training" in " ".join(deep.notes)


def test_densenet_in_its_old_naming(tmp_path: Path) -> None:
    model = torchvision_model("densenet121", num_classes=3)
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for key, value in model.state_dict().items()
    }
    torch.save(old, tmp_path / "w.pth")
    check_head(make(f"densenet121:{tmp_path / 'w.pth'}"), model, 3)


def test_inception_runs_as_published_without_its_auxiliary_classifier(tmp_path: Path) -> None:
    model = torchvision_model("inception_v3", num_classes=3, transform_input=True, init_weights=False)
    assert any(key.startswith("AuxLogits.") for key in model.state_dict())
    torch.save({f"module.{key}": value for key, value in model.state_dict().items()}, tmp_path / "w.pth")
    check_head(make(f"inception_v3:{tmp_path / 'w.pth'}"), model, 3)


def test_every_model_has_a_last_linear_layer_or_says_so() -> None:
    repair_torchvision()
    import torchvision

    without = []
    for name in torchvision.models.list_models(module=torchvision.models):
        if name.startswith("regnet"):  # computes its widths with tensors, which is not possible on the meta device
            continue
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None, **OPTIONS.get(name, {}))
        try:
            assert len(_classifier(name, model).names) == 1
        except InputError:
            without.append(name)
    assert without == ["squeezenet1_0", "squeezenet1_1"]


def test_a_file_of_another_model_and_another_size_are_sentences(tmp_path: Path) -> None:
    save_file(torchvision_model("resnet18").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit torchvision/mobilenet_v3_small: \d+ missing"):
        make(f"mobilenet_v3_small:{tmp_path / 'w.safetensors'}")
    with pytest.raises(InputError, match=r"cannot encode images of 100x100.*leave crop out"):
        make("vit_b_32", random_init=0, preprocess=("crop=100",))


def test_default_is_recorded_under_the_name_it_stands_for() -> None:
    assert FAMILY.describe("resnet50", "tag:DEFAULT").source == "tag:IMAGENET1K_V2"
    assert FAMILY.tags("resnet50") == ["DEFAULT", "IMAGENET1K_V1", "IMAGENET1K_V2"]


@pytest.mark.parametrize(
    ("model", "tag"),
    [("resnet50", "IMAGENET1K_V2"), ("vit_b_16", "IMAGENET1K_SWAG_E2E_V1"), ("swin_t", "IMAGENET1K_V1")],
)
def test_a_tag_has_torchvisions_own_preset(model: str, tag: str) -> None:
    repair_torchvision()
    import torchvision

    own = FAMILY.describe(model, f"tag:{tag}").preprocess
    preset = torchvision.models.get_model_weights(model)[tag].transforms()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (420, 400, 3), dtype=np.uint8))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (own.mean, own.std))
    ours = (torch.from_numpy(pixels(image, own)).permute(2, 0, 1) / 255 - mean) / std
    assert torch.allclose(ours, preset(image), atol=1e-6)
