"""Job ``classifier`` on tiny networks: it learns a planted signal, not shuffled labels, and leaves space and bank."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import VitrineError
from tests.support.interruptions import stop_after
from tests.support.label_world import labelled_world, shuffled_labels, with_space
from tests.support.tiny_open_clip import NAME, register
from training.config import validate_recipe
from training.export import read_banks, read_record
from training.jobs.classifier import JOB
from training.jobs.classifier_recipe import ClassifierRecipe
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from pathlib import Path

    from training.data.training_data import TrainingData
    from training.loop import TrainingResult

SCRATCH = {"name": "timm/test_byobnet", "preprocess": {"img_size": 32}}
CALM = {"pad": 3, "flip": True}


def _recipe(**groups: Any) -> dict[str, Any]:
    loop = {"epochs": 3, "learning_rate": 3e-3, "amp": "off", **groups.pop("loop", {})}
    return {"model": SCRATCH, "batch": 16, "augmentation": CALM, "loop": loop, **groups}


def _train(out: Path, data: TrainingData, **groups: Any) -> TrainingResult:
    recipe = validate_recipe(ClassifierRecipe, _recipe(**groups), "recipe")
    return JOB.run(recipe, data, out, RunSettings("cpu", quiet=True))


@pytest.fixture(scope="module")
def world() -> TrainingData:
    return labelled_world()


@pytest.fixture(scope="module")
def trained(world: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _train(out, world, loop={"epochs": 6})
    return out


def test_a_planted_signal_is_learned(trained: Path) -> None:
    record = read_record(trained)
    assert record["metrics"]["top_1"] >= 0.75  # of four classes
    assert record["classes"] == ["blue", "green", "red", "yellow"]
    assert record["job"] == "classifier"


def test_shuffled_labels_are_not(world: TrainingData, tmp_path: Path) -> None:
    result = _train(tmp_path / "run", shuffled_labels(world), loop={"epochs": 6})
    assert np.mean([line["top_1"] for line in result.history]) < 0.5


def test_vectors_and_bank_give_the_logits_of_the_network(trained: Path, world: TrainingData) -> None:
    spec = resolve(EncoderRequest(str(trained), device="cpu"))
    assert (spec.family, spec.preprocess.crop if spec.preprocess else None) == ("timm", (32, 32))
    encoder: Any = load(spec, "cpu")
    (bank,) = read_banks(trained)
    assert (bank.kind, bank.owner, bank.edge_class.tolist()) == (
        "classifier",
        "new",
        ["blue", "green", "red", "yellow"],
    )
    np.testing.assert_array_equal(encoder.head.weight, bank.vectors)
    np.testing.assert_array_equal(encoder.head.bias, bank.bias)
    from retrieval.encoders.preprocess import pixels

    assert world.images is not None
    assert spec.preprocess is not None
    rows = world.rows("val")
    batch = np.stack([pixels(world.images.decode(row), spec.preprocess) for row in rows.tolist()])
    vectors, norms = encoder.encode_images(batch)
    logits = norms[:, None] * (vectors @ bank.vectors.T) + bank.bias
    top_1 = float((logits.argmax(1) == world.target[rows]).mean())
    assert top_1 == read_record(trained)["metrics"]["top_1"]


def test_a_run_that_stopped_equals_one_that_did_not(world: TrainingData, tmp_path: Path, monkeypatch: Any) -> None:
    groups: dict[str, Any] = {
        "model": {**SCRATCH, "dropout": 0.3},
        "mixing": {"mixup": 0.4, "cutmix": 1.0},
        "loss": {"gamma": 2.0, "smoothing": 0.1, "weights": "balanced"},
        "loop": {"epochs": 2, "optimiser": "sgd", "schedule": "one_cycle"},
    }
    _train(tmp_path / "whole", world, **groups)
    for batches in (1, 4):  # of three an epoch: within the first and between the epochs
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            assert _train(tmp_path / "parts", world, **groups).interrupted
        assert not (tmp_path / "parts" / "encoder").exists()
    _train(tmp_path / "parts", world, **groups)
    whole, parts = (load_file(tmp_path / name / "encoder" / "weights.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


KEPT: dict[str, Any] = {"model": {**SCRATCH, "unfreeze": 1}, "augmentation": {"crop": "none", "flip": False}}


def test_training_after_frozen_layers_that_are_kept_is_that_on_plain_images(
    world: TrainingData, tmp_path: Path, monkeypatch: Any
) -> None:
    histories = []
    for kept in (True, False):
        groups: dict[str, Any] = {**KEPT, "model": {**KEPT["model"], "cache_frozen": kept}}
        if kept:  # whatever the recipe says of augmentation; and the second part of a run reads what the first kept
            groups["augmentation"] = CALM
            with monkeypatch.context() as patch:
                stop_after(patch, 2)
                assert _train(tmp_path / "kept", world, **groups).interrupted
            made = (tmp_path / "kept" / "frozen.npy").stat().st_mtime_ns
        histories.append(_train(tmp_path / ("kept" if kept else "whole"), world, **groups).history)
    assert (tmp_path / "kept" / "frozen.npy").stat().st_mtime_ns == made
    for line, other in zip(*histories, strict=True):
        assert [line[name] for name in ("loss", "nll")] == pytest.approx([other["loss"], other["nll"]], rel=1e-3)
        assert line["top_1"] == pytest.approx(other["top_1"], abs=0.07)  # one of 16
    kept, whole = (load_file(tmp_path / name / "encoder" / "weights.safetensors") for name in ("kept", "whole"))
    assert kept.keys() == whole.keys()
    assert all(torch.allclose(kept[name], whole[name], atol=1e-3) for name in whole)


def test_frozen_layers_are_kept_only_where_there_are_some(world: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(VitrineError, match=r"`model.unfreeze=1`; leave out model.cache_frozen"):
        _train(tmp_path, world, model={**SCRATCH, "cache_frozen": True})
    with pytest.raises(VitrineError, match=r"mixing mixes images, of which model.cache_frozen keeps"):
        _train(tmp_path, world, model={**SCRATCH, "cache_frozen": True}, mixing={"mixup": 0.2})


def test_pieces_of_a_weighted_batch_add_up_to_it(world: TrainingData, tmp_path: Path) -> None:
    weights = {"red": 5.0, "blue": 0.5}
    losses = []
    for pieces in (1, 3):
        groups = {"model": {"name": "timm/test_vit", "preprocess": {"img_size": 32}}, "loss": {"weights": weights}}
        result = _train(tmp_path / str(pieces), world, **groups, loop={"epochs": 1, "pieces": pieces})
        losses.append(result.history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_only_what_is_not_frozen_is_trained(world: TrainingData, tmp_path: Path) -> None:
    from training.jobs.classifier import classifier_tower

    model = {**SCRATCH, "unfreeze": "none"}
    _train(tmp_path / "run", world, model=model, loop={"epochs": 1})
    config = validate_recipe(ClassifierRecipe, _recipe(model=model), "recipe")
    fresh = classifier_tower(config.model, world, "cpu", 0).network.state_dict()
    weights = load_file(tmp_path / "run" / "encoder" / "weights.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in fresh.items())
    assert set(weights) - set(fresh) == {"head.fc.weight", "head.fc.bias"}


def test_the_encoder_of_a_space_with_a_text_tower_keeps_its_texts(world: TrainingData, tmp_path: Path) -> None:
    register(tmp_path)
    data = with_space(world, f"open_clip/{NAME}")
    _train(tmp_path / "run", data, model={}, loop={"epochs": 1})
    assert data.space is not None
    before: Any = load(data.space.spec, "cpu")
    after: Any = load(resolve(EncoderRequest(str(tmp_path / "run"), device="cpu", precision="fp32")), "cpu")
    texts = ["a photo of a red thing"]
    np.testing.assert_array_equal(before.encode_texts(texts).vectors, after.encode_texts(texts).vectors)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    assert not np.allclose(before.encode_images(pixels).vectors, after.encode_images(pixels).vectors)
    (bank,) = read_banks(tmp_path / "run")
    assert bank.vectors.shape == (4, 16)
    assert read_record(tmp_path / "run")["parent"]["fingerprint"] == data.space.fingerprint


def test_torchvision_is_trained_from_a_file(world: TrainingData, tmp_path: Path) -> None:
    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    import torchvision

    torch.manual_seed(0)
    weights = tmp_path / "weights.pth"
    torch.save(torchvision.models.squeezenet1_1(num_classes=3).state_dict(), weights)
    model = {"name": "torchvision/mobilenet_v3_small", "weights": str(weights), "preprocess": {"img_size": 32}}
    with pytest.raises(VitrineError, match=r"weights\.pth does not fit torchvision/mobilenet_v3_small"):
        _train(tmp_path / "run", world, model=model)
    torch.save(torchvision.models.mobilenet_v3_small(num_classes=3).state_dict(), weights)
    _train(tmp_path / "run", world, model=model, loop={"epochs": 1})
    spec = resolve(EncoderRequest(str(tmp_path / "run"), device="cpu"))
    head = load(spec, "cpu").head
    assert spec.family == "torchvision"
    assert head is not None
    assert head.weight.shape == (4, 1024)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"model": {}}, "model.name"),
        ({"model": {"name": "timm/test_byobnt"}}, "Did you mean 'test_byobnet'"),
        ({"model": {"weights": "a.pt"}}, "weights and preprocess are of the model NAME"),
        ({"model": {**SCRATCH, "weights": "nowhere.pt"}}, "no such file"),
        ({"model": {**SCRATCH, "unfreeze": 40}}, "stages, so the last 40"),
        ({"model": {**SCRATCH, "preprocess": {"img_siz": 3}}}, "preprocessing key"),
        ({"loss": {"weights": [1.0]}}, "1 numbers, and the data 4 classes"),
        ({"loss": {"weights": {"redd": 2.0}}}, "Did you mean 'red'"),
        ({"loss": {"weights": {"red": 0.0}}}, "above 0"),
        ({"loop": {"milestones": [3, 4]}}, "shares of the epochs"),
        ({"towers": "both"}, "there is no option 'towers'"),
        ({"loop": {"optimiser": "adan"}}, "adan"),
    ],
)
def test_recipes_that_cannot_be_used_say_why(
    world: TrainingData, tmp_path: Path, groups: dict[str, Any], says: str
) -> None:
    with pytest.raises(VitrineError, match=says):
        _train(tmp_path / "run", world, **groups)
    assert not (tmp_path / "run" / "state.pt").exists()


def test_one_class_is_refused_and_held_out_samples_are_not_needed(world: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(VitrineError, match=r"All 48 training samples are of one class \('red'\)"):
        _train(tmp_path / "run", replace(world, target=np.full(len(world), 2)))
    only = replace(world, role=np.full(len(world), "train"))
    result = _train(tmp_path / "run", only, loop={"epochs": 2})
    assert result.best_epoch == 2
    assert "top_1" not in json.loads((tmp_path / "run" / "training.json").read_text())["metrics"]


def test_a_class_of_one_image_and_a_class_that_is_held_out_alone(world: TrainingData, tmp_path: Path) -> None:
    role = world.role.copy()
    reds = np.flatnonzero(world.target == 2)
    role[reds[1:12]] = "left out"
    role[world.target == 3] = "val"
    result = _train(tmp_path / "run", replace(world, role=role), loop={"epochs": 1}, loss={"weights": "balanced"})
    assert np.isfinite(result.history[0]["loss"])
    (bank,) = read_banks(tmp_path / "run")
    assert bank.edge_class.tolist() == list(world.classes)
