"""Learned prompts: they learn what is planted and nothing else, and are what the text tower makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, UnknownNameError
from retrieval.types import SpaceInfo
from tests.support.interruptions import stop_after
from tests.support.prompt_problems import LOOKS, NAMES, caption_vectors, prompt_data, tiny
from training.export import TrainedBank, read_banks, read_record
from training.jobs.coop import JOB
from training.jobs.coop_recipe import CoopRecipe
from training.run_settings import RunSettings

if TYPE_CHECKING:
    from training.data.training_data import TrainingData
    from training.loop import TrainingResult

CAPS = tuple(f"a photo of a mushroom with a {look} cap" for look in LOOKS)
QUIET = RunSettings("cpu", quiet=True)


def recipe(**values: Any) -> CoopRecipe:
    """Four vectors and a few epochs."""
    loop = {"epochs": 6, "learning_rate": 0.02, "warm_up_epochs": 0, **values.pop("loop", {})}
    return CoopRecipe.model_validate({"context": {"tokens": 4, **values.pop("context", {})}, "loop": loop, **values})


def train(out: Path, data: TrainingData, **values: Any) -> TrainingResult:
    return JOB.run(recipe(**values), data, out, QUIET)


def bank_of(out: Path) -> TrainedBank:
    (bank,) = read_banks(out)
    return bank


@pytest.mark.parametrize("kind", ["shared", "class"])
def test_prompts_learn_what_is_planted(kind: str, tmp_path: Path) -> None:
    result = train(tmp_path, prompt_data(CAPS, noise=1.0), context={"kind": kind})
    assert result.history[0]["loss"] > 1.2  # about that of guessing: the names say nothing
    assert result.history[-1]["loss"] < 0.4
    record = read_record(tmp_path)
    assert record["metrics"]["top_1"] > 0.9
    assert result.history[result.best_epoch - 1]["top_1"] == record["metrics"]["top_1"]


def test_shuffled_labels_teach_nothing(tmp_path: Path) -> None:
    images, truth = caption_vectors(CAPS, 32, noise=1.0, seed=9), np.repeat(np.arange(4), 32)
    top_1 = []
    for seed in range(4):
        data = prompt_data(CAPS, noise=1.0, train=16, val=0, seed=seed)
        shuffled = replace(data, target=np.random.default_rng(seed).permutation(data.target))
        train(tmp_path / str(seed), shuffled, context={"kind": "class"})
        top_1.append(float(((images @ bank_of(tmp_path / str(seed)).vectors.T).argmax(1) == truth).mean()))
    assert np.mean(top_1) < 0.5  # .25 by guessing, and what was planted gives more than .9


@pytest.mark.parametrize("place", ["end", "middle"])
def test_untrained_words_give_the_vectors_of_the_text_tower(place: str, tmp_path: Path) -> None:
    frozen = {"epochs": 1, "learning_rate": 1e-30, "weight_decay": 0.0}
    words = {"words": "a photo of a", "place": place}
    train(tmp_path, prompt_data(CAPS), context=words, loop=frozen)
    before, after = ("a photo of a", "") if place == "end" else ("a photo", " of a")
    bank = bank_of(tmp_path)
    written = [f"{before} {name}{after}." for name in NAMES]
    np.testing.assert_allclose(bank.vectors, tiny().encode_texts(written).vectors, atol=1e-5)
    assert (bank.kind, bank.owner, bank.name) == ("learned-prompts", "parent", "coop")
    assert bank.edge_class.tolist() == list(NAMES)
    assert bank.temperature == pytest.approx(1 / tiny().logit_scale, rel=1e-6)
    near = read_record(tmp_path)["details"]["nearest_words"]
    assert [one["words"][0] for one in near] == ["a", "photo", "of", "a"]
    assert [one["distances"][0] for one in near] == pytest.approx([0] * 4, abs=1e-3)


def test_gradients_reach_the_vectors_alone(tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in tiny().network.state_dict().items()}
    train(tmp_path, prompt_data(CAPS), context={"kind": "class"})
    for name, value in tiny().network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    kept = load_file(tmp_path / "best.safetensors")
    assert {name: tuple(value.shape) for name, value in kept.items()} == {"context": (4, 4, 160)}


def test_prompts_in_parts_have_the_same_gradients(tmp_path: Path) -> None:
    data = prompt_data(CAPS)
    contexts = []
    for size in (128, 3):
        train(tmp_path / str(size), data, loop={"epochs": 2, "text_batch": size})
        contexts.append(load_file(tmp_path / str(size) / "best.safetensors")["context"])
    torch.testing.assert_close(contexts[0], contexts[1], rtol=1e-4, atol=1e-5)


def test_without_held_out_samples_the_last_epoch_is_kept(tmp_path: Path) -> None:
    result = train(tmp_path, prompt_data(CAPS, val=0), loop={"epochs": 3})
    assert result.best_epoch == 3
    assert "top_1" not in read_record(tmp_path)["metrics"]


def test_several_texts_of_a_class_are_pooled_as_the_mode_zeroshot_does(tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text('{"Cru": ["red cap", "red"], "Lovam": ["white cap"], "Tib": ["brown cap"], "Zofi": ["blue cap"]}')
    data = prompt_data(CAPS, noise=1.0)
    result = train(tmp_path / "run", data, texts=str(texts))
    bank = bank_of(tmp_path / "run")
    assert bank.edge_class.tolist() == ["Cru", "Cru", "Lovam", "Tib", "Zofi"]
    assert bank.texts is not None
    assert bank.texts[0] == "[4 learned] red cap"
    means = np.stack([bank.vectors[bank.edge_class == name].mean(axis=0) for name in NAMES])
    logits = data.vectors["base"].vectors[data.rows("val")] @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    right = float((logits.argmax(1) == data.target[data.rows("val")]).mean())
    assert right == pytest.approx(result.history[result.best_epoch - 1]["top_1"])


def test_a_shared_context_gives_prompts_for_new_classes(tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text('{"Cru": ["red"], "Lovam": ["white"], "Tib": ["brown"], "Zofi": ["blue"], "Never": ["green"]}')
    result = train(tmp_path / "run", prompt_data(CAPS), texts=str(texts), base_classes="half")
    assert result.history[0]["images"] == 16  # of two classes
    assert bank_of(tmp_path / "run").edge_class.tolist() == ["Cru", "Lovam", "Tib", "Zofi", "Never"]
    assert read_record(tmp_path / "run")["classes"] == ["Cru", "Lovam"]
    assert (tmp_path / "run" / "base_classes.txt").read_text().split() == ["Cru", "Lovam"]
    assert (tmp_path / "run" / "new_classes.txt").read_text().split() == ["Tib", "Zofi", "Never"]
    listed = train(tmp_path / "listed", prompt_data(CAPS), texts=str(texts), base_classes=["Lovam", "Cru"])
    assert listed.history[-1]["loss"] == result.history[-1]["loss"]


@pytest.mark.parametrize("batches", [1, 3])
def test_a_run_that_was_stopped_ends_with_the_same_bits(batches: int, tmp_path: Path) -> None:
    data, loop = prompt_data(CAPS), {"epochs": 3, "batch": 16}
    train(tmp_path / "whole", data, loop=loop)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, batches)
        assert train(tmp_path / "stopped", data, loop=loop).interrupted
    assert not (tmp_path / "stopped" / "banks").exists()
    train(tmp_path / "stopped", data, loop=loop)
    np.testing.assert_array_equal(bank_of(tmp_path / "stopped").vectors, bank_of(tmp_path / "whole").vectors)


def test_a_space_without_a_text_tower_is_told(tmp_path: Path) -> None:
    spec = resolve(EncoderRequest("timm/test_resnet", random_init=0))
    space = SpaceInfo(spec.fingerprint, "plain", spec, 160, ("base",), "2026-11-29T00:00:00")
    with pytest.raises(InputError, match="text tower"):
        train(tmp_path, replace(prompt_data(CAPS), space=space))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"context": {"words": "a photo of a " * 20}}, "context.words"),
        ({"context": {"tokens": 60}}, "more than the 56"),
        ({"base_classes": ["Cru"]}, "one class to train on"),
        ({"base_classes": "Cru"}, "one class to train on"),
        ({"base_classes": "half", "context": {"kind": "class"}}, "context.kind=shared"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as raised:
        train(tmp_path / "run", prompt_data(CAPS), **values)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"texts": "bank-that-is-not-there"}, "No prompt file 'bank-that-is-not-there'"),
        ({"base_classes": ["Cru", "Lovan"]}, r"No class of the data for `base_classes` 'Lovan'\. Did you mean 'Lovam'"),
        ({"base_classes": "Cru, Nobody"}, "No class of the data for `base_classes` 'Nobody'. There is: Cru, Lovam, "),
        ({"base_classes": "halves"}, "No file of names, or class of the data, .* 'halves'. Did you mean 'half'"),
    ],
)
def test_names_that_do_not_exist_are_told(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=message):
        train(tmp_path / "run", prompt_data(CAPS), **values)
    assert not (tmp_path / "run").exists()


def test_a_class_without_a_text_is_told(tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text('{"Cru": ["red"]}')
    with pytest.raises(InputError, match="no text for 3 of 4 classes"):
        train(tmp_path / "run", prompt_data(CAPS), texts=str(texts))
