"""The encoder that ships: small, made by the recipe in the repository, of worlds on which nothing is measured."""

from __future__ import annotations

import gzip
import json
import math
import re

import pytest
import yaml
from safetensors import safe_open

from data.hands_people import person
from data.names import person_name
from data.species_world import ATTRIBUTES, world
from retrieval.encoders.shipped import CONFIG, MODELS, NAMES, VOCABULARY, WEIGHTS
from tests.support.command_line import ROOT
from training.config import validate_recipe
from training.jobs.clip_recipe import ClipRecipe

MEASURED_ON = 0
"""The seed of the sample world that ``sample`` draws unless told otherwise."""

RECIPE = ROOT / "training" / "recipes" / "vitrine-tiny.yaml"
DRAWN = {
    (what, int(seed)): words
    for what, words in re.findall(r"vitrine sample (\w+) (.*)", RECIPE.read_text(encoding="utf-8"))
    for seed in re.findall(r"--seed (\d+)", words)
}
"""What the recipe's header says to draw: kind and seed, and the other words of the command."""


def test_it_is_small() -> None:
    folder = MODELS / "vitrine-tiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 12e6
    with safe_open(folder / WEIGHTS, "numpy") as file:
        tensors = [file.get_slice(name) for name in file.keys()]  # noqa: SIM118 - not a mapping
        matrices = {one.get_dtype() for one in tensors if len(one.get_shape()) >= 2}
    numbers = sum(math.prod(one.get_shape()) for one in tensors)
    assert numbers <= 6_000_000
    assert matrices == {"F16"}
    model = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"]
    assert model["text_cfg"]["vocab_size"] <= 4_096
    assert 96 <= model["vision_cfg"]["image_size"] <= 128
    assert len(gzip.decompress((folder / VOCABULARY).read_bytes()).splitlines()) < 4_096


@pytest.mark.parametrize("name", NAMES)
def test_its_recipe_is_the_one_in_the_repository(name: str) -> None:
    recipe = yaml.safe_load((ROOT / "training" / "recipes" / f"{name}.yaml").read_text(encoding="utf-8"))
    shipped = json.loads((MODELS / name / "recipe.json").read_text(encoding="utf-8"))
    assert validate_recipe(ClipRecipe, recipe, "recipe") == validate_recipe(ClipRecipe, shipped, "shipped")


def test_no_training_list_is_of_the_world_that_is_measured_on() -> None:
    assert {what for what, _ in DRAWN} == {"species", "hands", "drains"}
    assert MEASURED_ON not in {seed for _, seed in DRAWN}
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    lines = RECIPE.read_text(encoding="utf-8")
    for source in recipe["sources"].values():
        assert f"--out {source['path']}\n" in lines, "a source that the recipe's header does not draw"


def test_species_that_are_measured_on_were_not_trained_on() -> None:
    measured = world(MEASURED_ON, 60)
    looks = {tuple(one[name] for name in ATTRIBUTES) for one in measured}
    for (what, seed), words in DRAWN.items():
        if what == "species":
            trained = world(seed, int(re.search(r"--species (\d+)", words)[1]))  # type: ignore[index]
            assert not {one.name for one in trained} & {one.name for one in measured}
            assert not {tuple(one[name] for name in ATTRIBUTES) for one in trained} & looks


def test_people_who_are_measured_on_were_not_trained_on() -> None:
    measured = {tuple(person(at, MEASURED_ON).lengths) for at in range(200)}
    assert len(measured) == 200
    (seed, words), *others = ((seed, words) for (what, seed), words in DRAWN.items() if what == "hands")
    assert not others
    count = int(re.search(r"--n (\d+)", words)[1])  # type: ignore[index]
    assert not {tuple(person(at, seed).lengths) for at in range(count)} & measured
    assert person_name(0, seed) != person_name(0, MEASURED_ON)
