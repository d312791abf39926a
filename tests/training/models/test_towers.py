from dataclasses import replace
from typing import Any

import pytest
import torch

from retrieval.encoders.registry import load
from retrieval.errors import InputError
from retrieval.types import SpaceInfo
from tests.support.small_towers import tower
from training.models.towers import ImageTower, load_tower, require_text, tower_of


def _images(made: ImageTower, n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, *made.side, generator=torch.Generator().manual_seed(2))


def _visual(made: ImageTower) -> Any:
    return made.visual


def _space(made: ImageTower, **changes: object) -> SpaceInfo:
    spec = replace(made.spec, **changes)  # type: ignore[arg-type]
    return SpaceInfo(spec.fingerprint, "mine", spec, 12, ("base",), "2026-01-01")


def test_a_vision_transformer_gives_the_class_token_at_three_places() -> None:
    made = tower("vit")
    visual, images = _visual(made), _images(made)
    features = made.features(images)
    with torch.no_grad():
        tokens = visual._embeds(images)
        before = visual.transformer.resblocks[0](tokens)
        after = visual.ln_post(visual.transformer.resblocks[1](before))
    assert features.previous is not None
    assert features.proj is not None
    torch.testing.assert_close(features.previous, before[:, 0])
    torch.testing.assert_close(features.feat, after[:, 0])
    torch.testing.assert_close(features.proj, visual(images))
    assert made.widths == (32, 32, 12)
    assert made.vectors(features) is features.proj


def test_a_resnet_gives_averages_of_its_last_layers_and_the_attention_pooling() -> None:
    made = tower("resnet")
    visual, images = _visual(made), _images(made)
    features = made.features(images)
    with torch.no_grad():
        third = visual.layer3(visual.layer2(visual.layer1(visual.stem(images))))
        fourth = visual.layer4(third)
    assert features.previous is not None
    assert features.proj is not None
    torch.testing.assert_close(features.previous, third.mean((2, 3)))
    torch.testing.assert_close(features.feat, fourth.mean((2, 3)))
    torch.testing.assert_close(features.proj, visual(images))
    assert made.widths == (128, 256, 12)


@pytest.mark.parametrize("kind", ["timm", "timm-vit", "torchvision"])
def test_other_networks_give_their_pooled_features(kind: str) -> None:
    made = tower(kind)
    features = made.features(_images(made))
    assert features.previous is None
    assert features.proj is None
    assert features.feat.shape == (3, made.widths.feat)
    assert made.vectors(features) is features.feat


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm", "torchvision"])
def test_vectors_are_those_of_the_encoder(kind: str) -> None:
    made = tower(kind)
    encoder = load(made.spec, "cpu")
    pixels = made.spec.preprocess
    assert pixels is not None
    batch = torch.randint(0, 256, (4, *pixels.crop, 3), dtype=torch.uint8).numpy()
    scaled = (torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - torch.tensor(pixels.mean).view(3, 1, 1)) / (
        torch.tensor(pixels.std).view(3, 1, 1)
    )
    with torch.no_grad():
        raw = made.vectors(made.features(scaled))
    expected = torch.from_numpy(encoder.encode_images(batch).vectors)
    torch.testing.assert_close(torch.nn.functional.normalize(raw), expected, atol=1e-5, rtol=1e-4)


def test_gradients_reach_all_three_features() -> None:
    made = tower("vit")
    features = made.features(_images(made))
    assert features.previous is not None
    features.previous.sum().backward()  # type: ignore[no-untyped-call]
    first, last = (made.visual.get_parameter(f"transformer.resblocks.{k}.mlp.c_fc.weight") for k in (0, 1))
    assert first.grad is not None
    assert last.grad is None


def test_what_is_not_trained_is_told() -> None:
    made = tower("timm-vit")
    with pytest.raises(InputError, match="Space mine was imported: it has vectors but no network"):
        load_tower(_space(made, family="imported"), "cpu")
    with pytest.raises(InputError, match=r"space mine, onnx/test_vit, cannot be trained; name a space of an encoder"):
        load_tower(_space(made, family="onnx"), "cpu")
    with pytest.raises(InputError, match=r"name a space of an encoder of open_clip with `space`\."):
        load_tower(_space(made, family="adapter"), "cpu", "open_clip")
    with pytest.raises(InputError, match=r"coop needs an encoder with a text tower, and timm/test_vit has none"):
        require_text(made, "coop")
    assert load_tower(_space(made, precision="bf16"), "cpu").spec.precision == "fp32"


def test_the_spec_of_a_tower_is_in_full_precision() -> None:
    made = tower("vit")
    assert all(parameter.dtype == torch.float32 for parameter in made.network.parameters())
    assert tower_of(replace(made.spec, precision="fp16"), "cpu").spec == made.spec
