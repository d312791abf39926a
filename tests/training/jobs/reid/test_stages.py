"""The stages of the job reid: what they learn and keep fixed, stopped or not, in one process or in two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.support.interruptions import stop_after
from tests.support.reid_training import stages_of, train_divided
from tests.support.shared_training import run_processes
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.stages import ImageStage, WordsStage
from training.learner import Learner
from training.loop import TrainingResult, fit
from training.run_settings import RunSettings

PLANTED = {
    "stages": "images",
    "image_stage": {
        "epochs": 10,
        "patience": 0,
        "rates": {"visual": 2e-3, "heads": 1e-2},
        "schedule": {"name": "one_cycle"},
    },
    "hardware": {"amp": "off"},
}
QUIET = RunSettings(quiet=True)
SHORT: dict[str, Any] = {
    "prompt_stage": {"epochs": 2, "batch": 16},
    "image_stage": {"epochs": 2, "identities": 4, "images": 2, "rates": {"text": 1e-4}},
    "losses": {"supcon": 1, "i2t": 1, "arcface": 1, "center": 5e-4},
    "prompts": {"templates": ["{} hand image.", "An image showing a {}."], "normalise": True},
    "hardware": {"amp": "off"},
}


def _planted(folder: Path, *, shuffled: bool) -> tuple[float, float]:
    """Mean average precision of unseen identities before and after training."""
    recipe = ReidRecipe.read(PLANTED, "recipe")
    network, stages = stages_of(folder, recipe, "vit", train=24, held_out=24, images=8, shuffled=shuffled)
    network.module.eval()
    before = stages[-1].validate()["mean_ap"]
    history = fit(Learner(network.module, "mean_ap", stages), folder, seed=0, run=QUIET).history
    return before, history[-1]["mean_ap"]


def test_a_planted_signal_is_learned_and_found_in_unseen_identities(tmp_path: Path) -> None:
    before, after = _planted(tmp_path, shuffled=False)
    assert before < 0.13
    assert after > 0.35


def test_nothing_is_gained_where_identities_say_nothing_of_the_images(tmp_path: Path) -> None:
    before, after = _planted(tmp_path, shuffled=True)
    assert before < 0.1
    assert abs(after - before) < 0.01


def _train(folder: Path, out: str) -> tuple[TrainingResult, torch.nn.Module, list[WordsStage | ImageStage]]:
    network, stages = stages_of(folder, ReidRecipe.read(SHORT, "recipe"), "vit")
    (folder / out).mkdir(exist_ok=True)
    return fit(Learner(network.module, "mean_ap", stages), folder / out, seed=3, run=QUIET), network.module, stages


def test_a_run_that_is_stopped_in_both_stages_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole, _ = _train(tmp_path, "whole")
    for batches in (1, 2, 3):
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            assert _train(tmp_path, "parts")[0].interrupted
    _, again, _ = _train(tmp_path, "parts")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    best, parts = (load_file(tmp_path / run / "best.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(best[name], parts[name]) for name in best)


def test_texts_are_fixed_when_the_image_stage_begins(tmp_path: Path) -> None:
    recipe = ReidRecipe.read(SHORT, "recipe")
    network, (prompts, images) = stages_of(tmp_path, recipe, "vit")
    assert isinstance(images, ImageStage)
    prompts.begin()
    assert not network.texts.any()
    assert prompts.validate() == {}
    images.begin()
    texts = network.texts.clone()
    with torch.no_grad():
        for template in range(2):
            torch.testing.assert_close(texts[template], network.text_features(torch.arange(8), template))
        for name in network.parts()["text"]:  # the text tower is trained; the texts of i2t stay
            network.module.get_parameter(name).add_(0.1)
    images.begin()
    assert torch.equal(network.texts, texts)


def test_vectors_are_those_of_re_identification(tmp_path: Path) -> None:
    network, stages = stages_of(tmp_path, ReidRecipe.read({**PLANTED, "hardware": {"amp": "off"}}, "recipe"), "vit")
    stage = stages[-1]
    assert isinstance(stage, ImageStage)
    network.module.eval()
    vectors = stage.vectors(stage._samples.held_out)
    assert vectors.shape == (16, 32 + 12)
    assert (vectors**2).sum(1) == pytest.approx(1, abs=1e-5)


def test_two_processes_train_both_recipes_as_one(tmp_path: Path) -> None:
    done = run_processes("tests.support.reid_training", tmp_path / "divided", 2)
    assert done.returncode == 0, done.stderr
    train_divided(tmp_path / "whole")
    for recipe in ("two", "images"):
        one, two = (tmp_path / run / recipe for run in ("whole", "divided"))
        for line, other in zip(*(_history(out) for out in (one, two)), strict=True):
            assert other == pytest.approx(line, rel=1e-5)
        before, after = (load_file(out / "best.safetensors") for out in (one, two))
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            torch.testing.assert_close(*(_kept(name, values) for values in (after[name], tensor)), atol=1e-5, rtol=1e-5)
    assert not (tmp_path / "divided" / "images-1" / "frozen.npy").exists()


def _history(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in ("stage", "seconds")} for line in lines]


def _kept(name: str, values: torch.Tensor) -> torch.Tensor:
    """The values without the shift of the keys of attention, whose gradient is 0: Adam makes steps of its rounding."""
    if not name.endswith("attn.in_proj_bias"):
        return values
    queries, _, of_values = values.chunk(3)
    return torch.cat([queries, of_values])
