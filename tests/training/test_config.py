"""Recipes and their overrides; the recipe that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

import training
from retrieval.errors import InputError, UnknownNameError
from training.config import read_recipe, validate_recipe
from training.jobs.clip_recipe import ClipRecipe
from training.jobs.finetune_recipe import FinetuneRecipe
from training.registry import JOBS, load_job

SHIPPED = Path(training.__file__).parent / "recipes" / "vitrine-tiny.yaml"


def test_overrides_reach_into_groups() -> None:
    found = read_recipe(SHIPPED, ["loop.epochs=2", "sources.drains=null", "sources.own.path=a/b", "batch=16"])
    recipe = validate_recipe(ClipRecipe, found, "recipe")
    assert (recipe.loop.epochs, recipe.batch, recipe.sources["drains"]) == (2, 16, None)
    own = recipe.sources["own"]
    assert own is not None
    assert own.path == Path("a/b")


def test_hands_of_the_shipped_recipe_are_not_mirrored() -> None:
    hands = validate_recipe(ClipRecipe, read_recipe(SHIPPED), "recipe").sources["hands"]
    assert hands is not None
    assert hands.flip is False


@pytest.mark.parametrize("text", ["- a\n", "a: [1\n", "", "just words"])
def test_a_file_that_is_no_recipe_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=r"r\.yaml"):
        read_recipe(tmp_path / "r.yaml")


def test_a_recipe_that_ships_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_recipe(Path(SHIPPED.stem), ["batch=16"]) == read_recipe(SHIPPED, ["batch=16"])
    Path(SHIPPED.stem).write_text("batch: 3")
    assert read_recipe(Path(SHIPPED.stem)) == {"batch": 3}


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"gone\.yaml"):
        read_recipe(tmp_path / "gone.yaml")


def test_an_unknown_recipe_names_those_that_ship() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"ships, 'vitrine-tinny'\. Did you mean 'vitrine-tiny'\? There is: adapter, .*, \.\.\.\.$",
    ) as error:
        read_recipe(Path("vitrine-tinny"))
    assert str(error.value).count(", ") == 1 + 12 + 1


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("loop.epochs=1000000000000", "epochs=1000000000000 cannot be used"),
        ("loop.learning_rate=inf", "finite number"),
        ("loop.learning_rate=nan", "learning_rate='nan' cannot be used"),
        ("loop.weight_decay=-1", "weight_decay=-1"),
        ("batch=1000000000", "batch=1000000000"),
        ("pixels.std=[0, .5, .5]", "greater than 0"),
        ("pixels.size=100000", "size=100000"),
        ("model.embed_dim=0", "embed_dim=0"),
        ("model.vision_cfg.width=1000000000", "width=1000000000 is no whole number from 1 to 65536"),
        ("model.vision_cfg.layers=-1", "layers=-1 is no whole number"),
        ("model.vision_cfg.patch_size=0", "patch_size=0 is no whole number"),
        ("model.text_cfg.heads=2.5", "heads=2.5 is no whole number"),
        ("model.text_cfg.context_length=true", "context_length=True is no whole number"),
    ],
)
def test_values_that_cannot_be_are_refused_by_their_key(override: str, what: str) -> None:
    with pytest.raises(InputError) as error:
        validate_recipe(ClipRecipe, read_recipe(SHIPPED, [override]), "recipe")
    assert what in str(error.value)


def test_layers_of_a_resnet_are_a_list() -> None:
    recipe = read_recipe(SHIPPED, ["model.vision_cfg.layers=[1, 1, 1, 1]"])
    assert validate_recipe(ClipRecipe, recipe, "recipe").model.vision_cfg["layers"] == [1, 1, 1, 1]


def test_every_job_of_the_table_loads_and_others_are_suggested() -> None:
    for name in JOBS:
        assert callable(load_job(name).run)
    with pytest.raises(UnknownNameError, match="Did you mean 'clip'"):
        load_job("klip")


@pytest.mark.parametrize(("name", "part"), [("drains/option_a", "vision"), ("drains/option_b", "both")])
def test_the_recipes_of_the_inspection_plan(name: str, part: str) -> None:
    """Batch, rate, schedule, weights and stopping as the plan asks for."""
    recipe = validate_recipe(FinetuneRecipe, read_recipe(Path(name)), "recipe")
    loop = recipe.loop
    assert (recipe.train, recipe.batch, recipe.loss.weights, recipe.loss.gamma) == (part, 16, "balanced", 2.0)
    assert (loop.optimiser, loop.learning_rate, loop.weight_decay, loop.schedule) == ("adamw", 2e-5, 0.01, "cosine")
    assert (loop.epochs, loop.warm_up_steps, loop.evaluate_every, loop.patience) == (15, 100, 50, 3)
    assert recipe.data.oversample == {"Toe drain": 200, "condition=blocked": 0.25}
