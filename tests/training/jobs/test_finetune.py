"""Job ``finetune`` on a tiny CLIP: it learns a planted signal, not shuffled labels; what it leaves is checked."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import MissingDependencyError, VitrineError
from retrieval.types import Bank
from tests.support.interruptions import stop_after
from tests.support.label_world import labelled_world, shuffled_labels, with_space, with_vectors
from tests.support.tiny_open_clip import NAME, register
from training.config import validate_recipe
from training.export import read_banks, read_record
from training.jobs.finetune import JOB
from training.jobs.finetune_recipe import FinetuneRecipe
from training.run_settings import RunSettings
from training.train_report import TrainReport

if TYPE_CHECKING:
    from pathlib import Path

    from training.data.training_data import TrainingData
    from training.loop import TrainingResult

CALM = {"pad": 3, "flip": True}
WEIGHTS = "encoder/weights.safetensors"


def _train(out: Path, data: TrainingData, **groups: Any) -> TrainingResult:
    loop = {"epochs": 6, "learning_rate": 3e-3, "warm_up_steps": 2, "amp": "off", **groups.pop("loop", {})}
    values = {"augmentation": CALM, "loop": loop, **groups}
    return JOB.run(validate_recipe(FinetuneRecipe, values, "recipe"), data, out, RunSettings("cpu", quiet=True))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    register(tmp_path_factory.mktemp("configs"))
    return with_space(labelled_world(), f"open_clip/{NAME}")


@pytest.fixture(scope="module")
def trained(world: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _train(out, world, wise_ft={"alpha": "off"})
    return out


def _encoder(out: Path) -> Any:
    return load(resolve(EncoderRequest(str(out), device="cpu", precision="fp32")), "cpu")


def _parent(data: TrainingData) -> Any:
    assert data.space is not None
    return load(data.space.spec, "cpu")


def _features(encoder: Any, data: TrainingData) -> Any:
    assert data.images is not None
    rows = range(len(data))
    return encoder.encode_images(np.stack([pixels(data.images.decode(row), encoder.spec.preprocess) for row in rows]))


def test_a_planted_signal_is_learned(trained: Path) -> None:
    metrics = read_record(trained)["metrics"]
    assert metrics["zero_shot_top_1"] <= 0.5
    assert metrics["top_1"] == metrics["trained_top_1"] >= 0.75


def test_shuffled_labels_are_not(world: TrainingData, tmp_path: Path) -> None:
    result = _train(tmp_path / "run", shuffled_labels(world), wise_ft={"alpha": "off"})
    assert np.mean([line["top_1"] for line in result.history]) < 0.5


def test_the_encoder_and_its_bank_give_the_held_out_metrics(trained: Path, world: TrainingData) -> None:
    encoder = _encoder(trained)
    (bank,) = read_banks(trained)
    assert (bank.kind, bank.owner) == ("prompts", "new")
    assert bank.texts == ("a photo of a blue", "a photo of a green", "a photo of a red", "a photo of a yellow")
    np.testing.assert_allclose(bank.vectors, encoder.encode_texts(bank.texts).vectors, atol=1e-2)
    rows = world.rows("val")
    vectors = _features(encoder, world).vectors[rows]
    top_1 = float(((vectors @ bank.vectors.T).argmax(1) == world.target[rows]).mean())
    assert top_1 == read_record(trained)["metrics"]["top_1"]


def test_vision_leaves_the_text_tower_as_it_was_and_both_does_not(
    trained: Path, world: TrainingData, tmp_path: Path
) -> None:
    texts = ["a photo of a red"]
    before = _parent(world).encode_texts(texts).vectors
    np.testing.assert_array_equal(_encoder(trained).encode_texts(texts).vectors, before)
    _train(tmp_path / "both", world, train="both", loop={"epochs": 1})
    assert not np.allclose(_encoder(tmp_path / "both").encode_texts(texts).vectors, before)


def test_a_run_that_stopped_equals_one_that_did_not(world: TrainingData, tmp_path: Path, monkeypatch: Any) -> None:
    groups: dict[str, Any] = {"train": "both", "loop": {"epochs": 2, "pieces": 2}, "loss": {"gamma": 1.0}}
    _train(tmp_path / "whole", world, **groups)
    with monkeypatch.context() as patch:
        stop_after(patch, 4)  # of three an epoch: within the second
        assert _train(tmp_path / "parts", world, **groups).interrupted
    _train(tmp_path / "parts", world, **groups)
    whole, parts = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert read_record(tmp_path / "whole")["metrics"] == read_record(tmp_path / "parts")["metrics"]


def test_the_mean_with_the_weights_before_is_of_all_trained_tensors(
    trained: Path, world: TrainingData, tmp_path: Path
) -> None:
    _train(tmp_path / "run", world, wise_ft={"alpha": 0.3})
    before = _parent(world).network.state_dict()
    after, mean = load_file(trained / WEIGHTS), load_file(tmp_path / "run" / WEIGHTS)
    for name, tensor in mean.items():
        expected = 0.7 * before[name] + 0.3 * after[name]
        torch.testing.assert_close(tensor, expected, atol=1e-6, rtol=1e-5)
        if not name.startswith("visual."):
            assert torch.equal(tensor, before[name])


def test_the_mean_is_chosen_on_held_out_samples(world: TrainingData, tmp_path: Path) -> None:
    result = _train(tmp_path / "run", world, loop={"epochs": 2})
    metrics = read_record(tmp_path / "run")["metrics"]
    assert result.best_score == metrics["top_1"]
    assert result.note.startswith(
        f"WiSE-FT: alpha {metrics['wise_ft_alpha']:g} of 0, 0.1, ..., 1 chosen; held-out top-1 {metrics['top_1']:.4f} ("
    )
    assert metrics["wise_ft_alpha"] in {step / 10 for step in range(11)}
    assert metrics["top_1"] >= max(metrics["zero_shot_top_1"], metrics["trained_top_1"])
    only = replace(world, role=np.full(len(world), "train"))
    with pytest.raises(VitrineError, match=r"data\.val_from=train:0\.1"):
        _train(tmp_path / "other", only)
    blind = _train(tmp_path / "other", only, wise_ft={"alpha": 0.5}, loop={"epochs": 1})
    assert (blind.note, math.isnan(blind.best_score)) == ("WiSE-FT: alpha 0.5.", True)
    assert read_record(tmp_path / "other")["metrics"] == {"wise_ft_alpha": 0.5}


def test_the_score_is_that_of_the_weights_that_are_kept(trained: Path, world: TrainingData, tmp_path: Path) -> None:
    result = _train(tmp_path / "run", world, wise_ft={"alpha": 0.0})
    metrics = read_record(tmp_path / "run")["metrics"]
    assert metrics["zero_shot_top_1"] < metrics["trained_top_1"]
    assert result.best_score == metrics["top_1"] == metrics["zero_shot_top_1"]
    printed = list(TrainReport("finetune", "as given", tmp_path / "run", result).lines())
    assert printed[0].endswith(f"best: epoch {result.best_epoch}")
    assert printed[1].startswith(f"WiSE-FT: alpha 0; held-out top-1 {metrics['top_1']:.4f} (")
    plain = _train(trained, world, wise_ft={"alpha": "off"})  # has ended, so it is only read
    assert (plain.best_score, plain.note) == (read_record(trained)["metrics"]["top_1"], "")
    assert all(line["score"] == line["top_1"] for line in plain.history)


def test_a_head_is_trained_on_stored_vectors_alone(world: TrainingData, tmp_path: Path) -> None:
    stored = _features(_parent(world), world)
    data = replace(with_vectors(world, stored.vectors * stored.norms[:, None]), images=None)
    result = _train(tmp_path / "run", data, train="head", loop={"epochs": 30, "learning_rate": 3e-2})
    assert result.best_score > 0.5
    assert not (tmp_path / "run" / "encoder").exists()
    (bank,) = read_banks(tmp_path / "run")
    assert (bank.kind, bank.owner, bank.edge_class.tolist()) == ("classifier", "parent", list(world.classes))
    _train(tmp_path / "texts", data, train="head", wise_ft={"alpha": 0.0}, loop={"epochs": 1})
    (bank,) = read_banks(tmp_path / "texts")
    logits = stored.vectors @ bank.vectors.T  # the layer begins as the texts
    texts = _parent(world).encode_texts([f"a photo of a {name}" for name in world.classes]).vectors
    np.testing.assert_array_equal(logits.argmax(1), (stored.vectors @ texts.T).argmax(1))


def test_texts_come_from_a_prompt_set_or_a_bank(world: TrainingData, tmp_path: Path) -> None:
    prompts = {name.upper(): [f"a {name} patch", f"{name} paint"] for name in world.classes}
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    config = {"prompts": str(tmp_path / "prompts.json")}
    plain: dict[str, Any] = {"wise_ft": {"alpha": "off"}, "loop": {"epochs": 1}}
    _train(tmp_path / "run", world, texts=config, **plain)
    (bank,) = read_banks(tmp_path / "run")
    assert bank.edge_class.tolist() == [name for name in world.classes for _ in range(2)]
    assert world.space is not None
    stored = Bank(
        "words", world.space.fingerprint, "prompts:x", bank.vectors, bank.edge_vector, bank.edge_class, bank.texts,
        kind="prompts",
    )  # fmt: skip
    _train(tmp_path / "bank", replace(world, banks=(stored,)), texts={"bank": "words"}, **plain)
    first, second = (load_file(tmp_path / name / WEIGHTS) for name in ("run", "bank"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_prompts_that_lack_a_class_say_so(world: TrainingData, tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text(json.dumps({"red": ["red paint"], "blue": ["blue paint"]}))
    with pytest.raises(VitrineError, match=r"no text for 2 of 4 classes \(green, yellow\)"):
        _train(tmp_path / "run", world, texts={"prompts": str(tmp_path / "prompts.json")})


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"train": "visoin"}, "Did you mean|vision"),
        ({"texts": {"template": "a photo"}}, r"no \{\}"),
        ({"texts": {"bank": "word"}}, "bank of prompts"),
        ({"texts": {"prompts": "a.json", "bank": "b"}}, "exclude each other"),
        ({"texts": {"prompts": "nowhere.json"}}, "nowhere.json"),
        ({"wise_ft": {"alpha": 2}}, "from 0 to 1"),
        ({"unfreeze": "none"}, "trains nothing"),
        ({"train": "head", "unfreeze": 1}, "train=vision and train=both"),
        ({"model": {"name": "timm/resnet18"}}, "no option 'model'"),
    ],
)
def test_recipes_that_cannot_be_used_say_why(
    world: TrainingData, tmp_path: Path, groups: dict[str, Any], says: str
) -> None:
    with pytest.raises(VitrineError, match=says):
        _train(tmp_path / "run", world, **groups)


def test_an_encoder_without_a_text_tower_and_no_space_are_refused(tmp_path: Path) -> None:
    data = labelled_world(2, 1)
    with pytest.raises(VitrineError, match="name it with `space`"):
        _train(tmp_path / "run", data)
    with pytest.raises(VitrineError, match="has no text tower"):
        _train(tmp_path / "run", with_space(data, "timm/test_byobnet", preprocess=("img_size=32",)))


def test_lora_without_its_package_says_how_to_install_it(world: TrainingData, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"pip install"):
        _train(tmp_path / "run", world, train="lora")


def test_lora_trains_few_weights_and_leaves_a_plain_encoder(world: TrainingData, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    _train(tmp_path / "run", world, train="lora", wise_ft={"alpha": "off"}, loop={"epochs": 8, "learning_rate": 1e-2})
    before, after = _parent(world).network.state_dict(), load_file(tmp_path / "run" / WEIGHTS)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("visual.") and before[name].ndim >= 2 for name in changed)
    (bank,) = read_banks(tmp_path / "run")
    vectors = _features(_encoder(tmp_path / "run"), world).vectors[world.rows("val")]
    top_1 = float(((vectors @ bank.vectors.T).argmax(1) == world.target[world.rows("val")]).mean())
    assert top_1 == read_record(tmp_path / "run")["metrics"]["top_1"] >= 0.5
