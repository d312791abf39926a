import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from retrieval.encoders.artefact import read_card, write_card
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.text_tokens import has_text_tower
from retrieval.errors import InputError, MissingFileError, WeightsError
from tests.support import encoder_folders
from tests.support.encoder_folders import PIXELS


def _open(name: str) -> Any:
    return load(resolve(EncoderRequest(name, precision="fp32", device="cpu")), "cpu")


def _rewrite(
    folder: Path, config: dict[str, Any] | None = None, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Change parts of a folder, and its card with them."""
    card = read_card(folder / "encoder.json")
    if config is not None:
        (folder / "open_clip_config.json").write_text(json.dumps(config))
    if weights is not None:
        save_file(weights, folder / card.weights)
    write_card(folder, card.family, card.model, PIXELS, card.weights, card.parts)


@pytest.mark.parametrize(("kind", "dimension"), [("vit", 32 + 12), ("resnet", 256 + 12)])
def test_vectors_are_both_features_side_by_side(tmp_path: Path, kind: str, dimension: int) -> None:
    folder = encoder_folders.reid_tower(tmp_path / "own", kind)
    encoder = _open(str(folder))
    assert encoder.spec.family == "clipreid"
    assert encoder.dimension == dimension
    batch = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    images = (torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    visual = encoder.network.visual
    with torch.no_grad():
        if kind == "vit":
            tokens = visual._embeds(images)
            feat = visual.ln_post(visual.transformer(tokens))[:, 0]
        else:
            maps = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
            feat = maps.mean((2, 3))
        joined = torch.cat([feat, visual(images)], 1)
    vectors, norms = encoder.encode_images(batch)
    assert np.allclose(vectors, torch.nn.functional.normalize(joined), atol=1e-5)
    assert np.allclose(norms, joined.norm(dim=1), rtol=1e-5)
    assert resolve(EncoderRequest(f"clipreid/{folder}", precision="fp32", device="cpu")) == encoder.spec


def test_texts_have_no_part_in_it(tmp_path: Path) -> None:
    spec = resolve(EncoderRequest(str(encoder_folders.reid_tower(tmp_path / "own", "vit")), device="cpu"))
    assert not has_text_tower(spec)
    assert spec.precision == "fp32"


def test_a_folder_of_another_family_is_told(tmp_path: Path) -> None:
    folder = encoder_folders.classifier(tmp_path / "own")
    with pytest.raises(InputError, match=f"is an encoder of the family timm; leave the family out: `encoder={folder}`"):
        _open(f"clipreid/{folder}")
    with pytest.raises(MissingFileError, match="no such folder"):
        _open("clipreid/nowhere")
    with pytest.raises(InputError, match="has its weights in a folder, not random ones"):
        _open_random(encoder_folders.reid_tower(tmp_path / "second", "vit"))


def _open_random(folder: Path) -> None:
    from retrieval.encoders.clipreid_encoder import FAMILY

    FAMILY.build(resolve(EncoderRequest(str(folder), device="cpu")), "cpu", None)


def test_weights_and_configuration_that_do_not_fit_are_told(tmp_path: Path) -> None:
    folder = encoder_folders.reid_tower(tmp_path / "own", "vit")
    weights = load_file(folder / "weights.safetensors")
    config = json.loads((folder / "open_clip_config.json").read_text())
    _rewrite(folder, weights={name: value for name, value in weights.items() if name != "visual.proj"})
    with pytest.raises(WeightsError, match=r"does not fit clipreid/small-vit: 1 missing \(visual.proj\)"):
        _open(str(folder))
    wide = {**config["model_cfg"], "vision_cfg": {**config["model_cfg"]["vision_cfg"], "width": 40_000}}
    _rewrite(folder, {"model_cfg": wide}, weights)
    with pytest.raises(WeightsError, match="describes a model far larger than"):
        _open(str(folder))
    odd = {**config["model_cfg"], "vision_cfg": {**config["model_cfg"]["vision_cfg"], "head_width": 64}}
    _rewrite(folder, {"model_cfg": odd})
    with pytest.raises(WeightsError, match=re.escape("describes no image tower that can be built (")):
        _open(str(folder))
