"""What the stages of every recipe train, at which rates and decays, on small towers with the real parameter names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.reid_training import stages_of
from training.config import RECIPES, read_recipe, validate_recipe
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.stages import ImageStage, WordsStage
from training.models.stages import stages
from training.schedule import Moment

TABLE: dict[str, tuple[tuple[float, float, float | None, float], float, Any]] = {
    # name: (rate of words, visual, text, heads), decay, stages of the image network that are trained
    **{f"hands/v{v}_vitb16": ((1e-4, 1e-5, 5e-6, 1e-4), 5e-4, "all") for v in (2, 3, 4, 5, 9)},
    "hands/v1_vitb16": ((3.5e-4, 1e-4, None, 1e-4), 5e-4, "all"),
    "hands/v6_vitb16": ((1e-4, 1e-5, 5e-6, 1e-4), 5e-4, 2),
    "hands/v1_rn50": ((3.5e-4, 1e-4, None, 1e-4), 5e-4, "all"),
    "hands/v2_rn50": ((1e-4, 1e-4, 5e-6, 1e-4), 5e-4, "all"),
    **{f"hands/v{v}_rn50": ((1e-4, 5e-4, 5e-6, 1e-4), 5e-4, "all") for v in (3, 4, 5)},
    **{f"hands/v{v}_rn50": ((1e-4, 5e-4, 5e-6, 1e-4), 5e-4, 2) for v in (6, 7)},
    "hands/v8_rn50": ((1e-4, 1e-4, 5e-6, 1e-4), 5e-4, 4),
    "hands/v9_rn50": ((1e-4, 7e-5, 5e-6, 1e-4), 5e-4, "all"),
    "hands/v10_rn50": ((1e-4, 7e-5, 5e-6, 1e-4), 5e-4, 4),
    "clipreid_vitb16": ((3.5e-4, 5e-6, None, 5e-6), 1e-4, "all"),
    "clipreid_rn50": ((3.5e-4, 3.5e-4, None, 3.5e-4), 5e-4, "all"),
}
"""Of PROTOCOLS.md section 2; what a version does not name is that of the one before."""

SMALL = (
    "backbone=null",
    "size=null",
    "image_stage.identities=2",
    "image_stage.images=2",
    "prompt_stage.batch=16",
    "hardware.amp=off",
)


def small(name: str, *changes: str) -> ReidRecipe:
    return validate_recipe(ReidRecipe, read_recipe(Path(name), [*SMALL, *changes]), name)


def _kind(name: str) -> str:
    return "vit" if name.endswith("vitb16") else "resnet"


def _options(optimisers: Any, name: str) -> dict[int, tuple[float, float]]:
    """Parameter -> (initial rate, decay), of an optimiser."""
    by_id: dict[int, tuple[float, float]] = {}
    for group in optimisers._named[name].optimiser.param_groups:
        for parameter in group["params"]:
            by_id[id(parameter)] = (group["initial_lr"], group["weight_decay"])
    return by_id


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("towers")


def test_the_table_has_all_nineteen_recipes() -> None:
    shipped = [*(RECIPES / "hands").glob("*.yaml"), *RECIPES.glob("clipreid_*.yaml")]
    assert sorted(TABLE) == sorted(path.relative_to(RECIPES).with_suffix("").as_posix() for path in shipped)
    assert len(TABLE) == 19


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_trains_exactly_what_it_says(name: str, folder: Path) -> None:
    (words, visual, text, heads), decay, last = TABLE[name]
    recipe = small(name)
    network, (prompt_stage, image_stage) = stages_of(folder, recipe, _kind(name))
    assert isinstance(prompt_stage, WordsStage)
    assert isinstance(image_stage, ImageStage)
    parameters = dict(network.module.named_parameters())

    first = _options(prompt_stage.begin(), "main")
    prompt_decay = 1e-4 if name.startswith("clipreid") else 5e-4
    assert first == {id(parameters["words"]): (words, prompt_decay)}
    assert [key for key, value in parameters.items() if value.requires_grad] == ["words"]

    _two_steps(prompt_stage, 2)
    second = image_stage.begin()
    groups = stages(network.tower)
    open_names = {f"network.{key}" for group in (groups if last == "all" else groups[-int(last) :]) for key in group}
    bias = 2.0 if name.startswith("clipreid") else 1.0
    expected: dict[str, tuple[float, float]] = {}
    for key in parameters:
        factor = bias if key.endswith("bias") else 1.0
        if key.startswith("network.visual."):
            if key in open_names:
                expected[key] = (visual * factor, decay)
        elif key.startswith("network."):
            if text is not None and key not in ("network.logit_scale", "network.token_embedding.weight"):
                expected[key] = (text, decay)
        elif (key.startswith("neck") and not key.endswith("norm.bias")) or key == "arcface":
            expected[key] = (heads, decay)
    options = _options(second, "main")
    found = {key: options[id(value)] for key, value in parameters.items() if id(value) in options}
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key]) for key in expected)
    trained = {key for key, value in parameters.items() if value.requires_grad}
    has_centers = recipe.losses.center > 0
    assert trained == expected.keys() | ({"centers"} if has_centers else set())
    if has_centers:
        assert _options(second, "centers") == {id(parameters["centers"]): (0.5, 0.0)}
    before = {key: value.detach().clone() for key, value in parameters.items()}
    _two_steps(image_stage, 9)
    moved = {key for key, value in parameters.items() if not torch.equal(before[key], value)}
    assert moved <= trained
    assert not {key for key in trained - moved if parameters[key].ndim > 1}


def _two_steps(stage: WordsStage | ImageStage, epochs: int) -> None:
    """Take the first two steps of a stage; all losses are finite."""
    stage_batches = stage.batches(0)[:2]
    for place, batch in enumerate(stage_batches):
        losses = stage.step(batch, Moment(epochs // 2, epochs, place, 2))
        assert losses["loss"] > 0
        assert all(math.isfinite(value) for value in losses.values())
    assert len(stage_batches) == 2


def test_one_cycle_raises_all_parts_to_one_rate_with_the_faults_of_the_original(folder: Path) -> None:
    recipe = small("hands/v5_vitb16", "original_faults=true")
    _, (_, image_stage) = stages_of(folder, recipe, "vit")
    rates = {group.name: group.rate for group in image_stage.begin().groups()}
    assert rates == {"visual": 1e-5, "heads": 1e-5, "text": 1e-5, "centers": 0.5}
    recipe = small("hands/v2_vitb16", "original_faults=true")  # no OneCycle
    _, (_, image_stage) = stages_of(folder, recipe, "vit")
    assert {group.rate for group in image_stage.begin().groups()} == {1e-5, 1e-4, 5e-6, 0.5}
