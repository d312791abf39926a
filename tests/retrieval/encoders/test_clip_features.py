import copy
from typing import Any

import pytest
import torch

from retrieval.encoders.clip_features import projection_features, reid_features, tower_kind
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError

TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
VISION: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 64},
    "timm": {"image_size": 96, "timm_model_name": "test_efficientnet", "timm_model_pretrained": False,
             "timm_pool": "avg", "timm_proj": "linear"},
    "plain": {"image_size": 96, "timm_model_name": "test_efficientnet", "timm_model_pretrained": False,
              "timm_pool": "avg", "timm_proj": ""},
}  # fmt: skip


def _visual(kind: str) -> Any:
    repair_torchvision()
    from open_clip.model import CLIP

    torch.manual_seed(0)
    return CLIP(12, VISION[kind], TEXT).visual.eval()


def _images(kind: str) -> torch.Tensor:
    side = VISION[kind]["image_size"]
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", VISION)
def test_kinds_are_told_apart(kind: str) -> None:
    assert tower_kind(_visual(kind)) == kind


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_the_projection_leads_from_one_feature_to_the_other(kind: str) -> None:
    visual, images = _visual(kind), _images(kind)
    before = copy.deepcopy(visual.state_dict())
    with torch.no_grad():
        feat, proj = projection_features(visual, images)
        assert torch.equal(proj, visual(images))
    if kind == "vit":
        torch.testing.assert_close(feat @ visual.proj, proj)
    elif kind == "resnet":
        layer = visual.attnpool.c_proj
        torch.testing.assert_close(feat @ layer.weight.T + layer.bias, proj)
    else:
        torch.testing.assert_close(feat @ visual.head.proj.weight.T, proj)
    assert feat.shape == (3, {"vit": 32, "resnet": 256, "timm": 256}[kind])
    assert visual.state_dict().keys() == before.keys()
    with torch.no_grad():
        assert torch.equal(visual(images), proj)


def test_a_resnet_of_reid_averages_over_positions() -> None:
    visual, images = _visual("resnet"), _images("resnet")
    with torch.no_grad():
        feat, proj = reid_features(visual, images)
        maps = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
    torch.testing.assert_close(feat, maps.mean((2, 3)))
    assert torch.equal(proj, visual(images))


def test_a_tower_without_projection_is_told() -> None:
    with pytest.raises(InputError, match="no projection, so it has no features before one"):
        projection_features(_visual("plain"), _images("plain"))
    with pytest.raises(InputError, match="no projection"):
        reid_features(_visual("plain"), _images("plain"))
