"""The sample world and the encoder that ships, through the real command line: figures that mean something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import call_cli, call_json

SPECIES = "20"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample world of the usual seed, and a store of it."""
    folder = tmp_path_factory.mktemp("world")
    sizes = {
        "species": ("--species", SPECIES, "--n", "6"),
        "hands": ("--n", "12", "--images", "2"),
        "drains": ("--n", "12"),
    }
    tables = {
        "species": ("species/manifest.csv",),
        "hands": ("hands",),
        "drains": ("drains/sites.csv", "--column", "label="),
    }
    for what, words in sizes.items():
        call_cli("sample", what, "--out", folder / what, "--size", "112", "--workers", "1", *words)
        path, *more = tables[what]
        call_cli("index", folder / path, "--store", folder / "s", *more)
    return folder


def test_what_ships_embeds_it_all_into_one_space(world: Path) -> None:
    about = call_json("info", "--store", world / "s")
    (space,) = about["spaces"]
    assert space["encoder"] == "open_clip/vitrine-tiny"
    assert space["vectors"] == about["counts"]["samples"] == 16 * 6 + 12 * 8 + 12


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a photo of a mushroom with a scaly brown flat cap and dark gills on moss", "manifest:species"),
        ("a mushroom with a spotted red convex cap, a ring and white gills in grass", "manifest:species"),
        ("the palm of a left hand with dark skin", "hands11k:hands"),
        ("a drone photo of a slope of dry grass with a damaged rock toe", "manifest:drains"),
    ],
)
def test_a_text_finds_images_of_its_own_kind(world: Path, text: str, source: str) -> None:
    found = call_json("search", "--text", text, "--store", world / "s", "-k", "5")
    kinds = [hit["source"] for hit in found["hits"]]
    assert sum(kind.startswith(source) for kind in kinds) >= 4, kinds


def test_zero_shot_knows_species_it_never_saw(world: Path) -> None:
    prompts = world / "species" / "prompts_attr_clean.json"
    result = _evaluated(world, "--mode", "zeroshot", "--prompts", prompts, "-o", "choose=none")
    assert result["label_universe"]["n"] == 16
    # Chance is 1 of 16.
    assert result["metrics"]["top_1"]["ci95"][0] > 0.25


def test_people_it_never_saw_are_told_apart_better_than_by_chance(world: Path) -> None:
    result = _evaluated(world, "--mode", "reid", "--protocol", "leave-one-out")
    chance = 7 / (12 * 8 - 1)
    assert result["metrics"]["rank_1"]["ci95"][0] > chance


def _evaluated(world: Path, *words: Any) -> Any:
    call_cli("eval", *words, "--store", world / "s", "--out", world / "result.json")
    return json.loads((world / "result.json").read_text(encoding="utf-8"))
