"""Job ``reid`` on small networks: what it leaves, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError
from tests.support.label_world import DrawnImages, with_space
from tests.support.reid_training import drawn, tower_of_kind
from training.config import validate_recipe
from training.data.training_data import TrainingData
from training.export import read_record
from training.jobs.reid.job import JOB
from training.jobs.reid.recipe import ReidRecipe
from training.loop import TrainingResult
from training.run_settings import RunSettings

SHORT: dict[str, Any] = {
    "prompt_stage": {"epochs": 1, "batch": 16},
    "image_stage": {"epochs": 2, "identities": 4, "images": 2},
    "prompts": {"templates": ["A photo of a X X X X {aspect} hand."]},
    "hardware": {"amp": "off"},
}


def _data(name: str, side: int, train: int = 6, held_out: int = 2, **request: Any) -> TrainingData:
    """Drawn images of identities, in a space of an encoder with random weights."""
    pixels, identity = drawn(train + held_out, 4, (side, side))
    ids = np.array([f"{row:03d}" for row in range(len(identity))])
    data = TrainingData(
        ids=ids,
        keys=ids,
        classes=tuple(f"person {number:02d}" for number in range(train + held_out)),
        target=identity.astype(np.int64),
        role=np.where(identity < train, "train", "val"),
        columns={},
        images=DrawnImages(list(pixels)),
    )
    return with_space(data, name, **request)


def _train(out: Path, samples: TrainingData | None, /, **groups: Any) -> TrainingResult:
    recipe = validate_recipe(ReidRecipe, {**SHORT, **groups}, "recipe")
    return JOB.run(recipe, samples, out, RunSettings("cpu", quiet=True))


@pytest.fixture(scope="module")
def clip_data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    tower_of_kind(tmp_path_factory.mktemp("models"), "vit")  # makes the model known
    return _data("open_clip/reid-vit", 32)


def test_two_stages_leave_an_encoder_of_both_features(clip_data: TrainingData, tmp_path: Path) -> None:
    result = _train(tmp_path, clip_data, data={"target": "identity", "aspect": "dorsal right"})
    assert [line["stage"] for line in result.history] == ["prompts", "images", "images"]
    assert {"id", "triplet", "i2t", "rank_1", "mean_ap"} <= result.history[-1].keys()
    spec = resolve(EncoderRequest(str(tmp_path), precision="fp32", device="cpu"))
    encoder: Any = load(spec, "cpu")
    assert (spec.family, encoder.dimension) == ("clipreid", 32 + 12)
    record = read_record(tmp_path)
    assert record["job"] == "reid"
    assert record["target"] == "identity"
    assert record["classes"] == [f"person {number:02d}" for number in range(6)]
    best = next(line for line in result.history if line["epoch"] == result.best_epoch)
    assert record["metrics"] == {name: best[name] for name in ("rank_1", "mean_ap")}
    again = _train(tmp_path, clip_data, data={"target": "identity", "aspect": "dorsal right"})
    assert again.history == result.history


def test_images_alone_train_any_encoder(tmp_path: Path) -> None:
    data = _data("timm/test_byobnet", 32, preprocess=("img_size=32",))
    arcface = {"id": 0, "triplet": 0, "arcface": 1, "arcface_margin": "dynamic", "sub_centres": 3}
    _train(tmp_path, data, losses=arcface, image_stage={**SHORT["image_stage"], "unfreeze": 1})
    spec = resolve(EncoderRequest(str(tmp_path), precision="fp32", device="cpu"))
    encoder: Any = load(spec, "cpu")
    assert spec.family == "timm"
    before: Any = load(data.space.spec, "cpu") if data.space else None
    batch = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert encoder.dimension == before.dimension
    assert not np.allclose(encoder.encode_images(batch).vectors, before.encode_images(batch).vectors)


def test_the_size_and_normalisation_of_a_recipe_are_those_of_the_encoder(
    clip_data: TrainingData, tmp_path: Path
) -> None:
    _train(tmp_path, clip_data, stages="images", size=[48, 32], mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
    card = json.loads((tmp_path / "encoder" / "encoder.json").read_text(encoding="utf-8"))
    assert card["preprocess"]["crop"] == [48, 32]
    assert card["preprocess"]["mode"] == "squash"
    assert card["preprocess"]["mean"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"backbone": "RN50"}, "The recipe is for RN50, and the encoder of space parent is open_clip/reid-vit"),
        ({"image_stage": {"identities": 9, "images": 2}}, "9 identities.*cannot be made of 6"),
        ({"image_stage": {"unfreeze": 5, "identities": 4}}, "has 2 stages, so the last 5 cannot be trained"),
        ({"stages": "images", "losses": {"supcon": 1}}, "compare images with texts"),
        ({"prompts": {"templates": ["{}"], "words": 40}}, "does not fit into the 32 tokens"),
    ],
)
def test_recipes_that_do_not_fit(groups: dict[str, Any], message: str, clip_data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        _train(tmp_path, clip_data, **groups)


def test_two_stages_need_a_text_tower_and_a_space(clip_data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs an encoder with a text tower"):
        _train(tmp_path / "a", _data("timm/test_byobnet", 32, preprocess=("img_size=32",)), stages="two")
    with pytest.raises(InputError, match="name a `space`"):
        _train(tmp_path / "b", replace(clip_data, space=None))
