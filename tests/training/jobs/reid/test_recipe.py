"""Recipes of the job reid: those that ship, and wrong values."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import InputError, UnknownOptionError
from training.config import RECIPES, read_recipe, validate_recipe
from training.jobs.reid.recipe import ReidRecipe, ScheduleConfig
from training.schedule import Moment, constant

SHIPPED = ("reid", "bot_baseline", "wildlife", "clipreid_vitb16", "clipreid_rn50")
ALL_FIVE = "id triplet supcon arcface center"

HANDS = """\
v,backbone,optimiser,schedule,per,visual,words,text,losses,scale,margin,center,unfreeze,max_norm
1,vit,adam,cosine,epoch,1e-4,3.5e-4,-,all,30,.5,5e-4,all,-
2,vit,adamw,cosine,batch,1e-5,1e-4,5e-6,all,30,.5,5e-4,all,-
3,vit,adamw,one_cycle,batch,1e-5,1e-4,5e-6,all,30,.5,5e-4,all,-
4,vit,adamw,one_cycle,batch,1e-5,1e-4,5e-6,id supcon arcface,30,.5,0,all,-
5,vit,adamw,one_cycle,batch,1e-5,1e-4,5e-6,all,20,.3,5e-4,all,-
6,vit,adamw,one_cycle,batch,1e-5,1e-4,5e-6,all,20,.3,5e-4,2,-
9,vit,adamw,cosine,batch,1e-5,1e-4,5e-6,id supcon arcface center,35,.4,3e-4,all,-
1,rn,adam,cosine,epoch,1e-4,3.5e-4,-,all,30,.5,5e-4,all,-
2,rn,adamw,cosine,batch,1e-4,1e-4,5e-6,all,30,.5,5e-4,all,-
3,rn,adamw,one_cycle,batch,5e-4,1e-4,5e-6,all,30,.5,5e-4,all,-
4,rn,adamw,one_cycle,batch,5e-4,1e-4,5e-6,id supcon arcface,30,.5,0,all,-
5,rn,adamw,one_cycle,batch,5e-4,1e-4,5e-6,all,20,.3,5e-4,all,-
6,rn,adamw,one_cycle,batch,5e-4,1e-4,5e-6,all,20,.3,5e-4,2,-
7,rn,adamw,one_cycle,batch,5e-4,1e-4,5e-6,all,25,.35,5e-4,2,-
8,rn,adamw,cosine,batch,1e-4,1e-4,5e-6,all,30,.35,5e-4,4,.5
9,rn,adamw,cosine,batch,7e-5,1e-4,5e-6,id supcon arcface center,35,.4,3e-4,all,.5
10,rn,adamw,cosine,batch,7e-5,1e-4,5e-6,all,30,.4,3e-4,4,.5
"""
"""The table of PROTOCOLS.md section 2, with the values that a version takes over from the one before."""


def shipped(name: str) -> ReidRecipe:
    return validate_recipe(ReidRecipe, read_recipe(Path(name)), name)


def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(HANDS.splitlines()))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"v{row['v']}-{row['backbone']}")
def test_the_recipes_of_the_report_have_its_values(row: dict[str, str]) -> None:
    suffix = {"vit": "vitb16", "rn": "rn50"}[row["backbone"]]
    recipe = shipped(f"hands/v{row['v']}_{suffix}")
    prompt, image, losses = recipe.prompt_stage, recipe.image_stage, recipe.losses_of(two_stages=True)
    assert recipe.version == f"v{row['v']}"
    assert recipe.remarks
    assert recipe.backbone == {"vit": "ViT-B-16", "rn": "RN50"}[row["backbone"]]
    assert (prompt.optimiser, image.optimiser) == (row["optimiser"],) * 2
    for schedule in (prompt.schedule, image.schedule):
        assert (schedule.name, schedule.per, schedule.warm_up) == (row["schedule"], row["per"], 0)
    assert (prompt.epochs, image.epochs, image.patience, prompt.batch) == (30, 30, 5, 32)
    assert image.identities * image.images == 32
    assert recipe.prompts.words == 12
    assert (image.rates.visual, prompt.rate) == (float(row["visual"]), float(row["words"]))
    assert image.rates.text == (None if row["text"] == "-" else float(row["text"]))
    assert {prompt.weight_decay, image.weight_decay.visual, image.weight_decay.heads} == {5e-4}
    weights = {name: getattr(losses, name) for name in (*ALL_FIVE.split(), "i2t")}
    names = ALL_FIVE if row["losses"] == "all" else row["losses"]
    assert {name for name, weight in weights.items() if weight} == set(names.split())
    assert weights["center"] == float(row["center"])
    assert (losses.arcface_scale, losses.arcface_margin) == (float(row["scale"]), float(row["margin"]))
    assert recipe.augmentation.erase_with == "noise"
    assert losses.center_rate == 0.5
    assert str(image.unfreeze) == row["unfreeze"]
    assert image.max_norm == (None if row["max_norm"] == "-" else float(row["max_norm"]))
    first = row["v"] == "1"
    assert recipe.prompts.normalise is not first
    assert recipe.texts() == (
        ["A photo of {}'s dorsal right hand for identification."]
        if first
        else [
            "A photo of a X X X X hand.", "A close-up of the {} of a person.", "{} hand image.",
            "An image showing a {}.",
        ]
    )  # fmt: skip
    assert not recipe.original_faults


def test_seventeen_recipes_of_hands_and_two_as_published_ship_with_their_numbers() -> None:
    hands = sorted(path.stem for path in (RECIPES / "hands").glob("*.yaml"))
    assert hands == sorted(f"v{row['v']}_{'vitb16' if row['backbone'] == 'vit' else 'rn50'}" for row in _rows())
    for path in [*(RECIPES / "hands").glob("*.yaml"), *RECIPES.glob("clipreid_*.yaml")]:
        assert "reported; selected on test; not expected to match" in path.read_text(encoding="utf-8")
    numbers = (RECIPES / "hands" / "v5_vitb16.yaml").read_text(encoding="utf-8").partition("\nversion")[0]
    assert "Rank-1 88.18, Rank-5 97.32, Rank-10 98.58, mAP 92.20 (sd of Rank-1 over draws 1.96)" in numbers


@pytest.mark.parametrize("name", ["clipreid_vitb16", "clipreid_rn50"])
def test_clip_reid_as_published(name: str) -> None:
    recipe, vit = shipped(name), name.endswith("vitb16")
    prompt, image, losses = recipe.prompt_stage, recipe.image_stage, recipe.losses
    rates = prompt.schedule.rates(prompt.epochs)
    assert (prompt.rate, prompt.epochs, recipe.prompts.words) == (3.5e-4, 120 if vit else 60, 4)
    assert rates(3.5e-4, Moment(0, prompt.epochs, 0, 9)) == pytest.approx(1e-5 + 3.4e-4 / 5)
    assert (image.optimiser, image.rates.visual, image.epochs) == (("adam", 5e-6, 60) if vit else ("adam", 3.5e-4, 120))
    assert image.schedule.milestones == ([30, 50] if vit else [40, 70])
    assert (image.schedule.warm_up, image.schedule.warm_up_factor) == (10, 0.1 if vit else 0.01)
    assert (image.identities, image.images) == (16, 4)
    assert (losses.id, losses.triplet, losses.i2t, losses.supcon, losses.arcface, losses.center) == (
        0.25 if vit else 1.0, 1.0, 1.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    assert (losses.smoothing, losses.triplet_margin) == (0.1, 0.3)
    assert recipe.size == (256, 128)
    assert recipe.texts() == ["A photo of a X X X X person."]
    assert (recipe.augmentation.flip, recipe.augmentation.pad, recipe.augmentation.erase) == (True, 10, 0.5)
    assert recipe.augmentation.erase_with == "noise"  # timm's RandomErasing(mode="pixel")


@pytest.mark.parametrize("name", SHIPPED)
def test_other_recipes_can_be_read(name: str) -> None:
    assert shipped(name).version


def test_the_default_is_in_two_stages_with_a_text_tower_and_compares_with_texts() -> None:
    recipe = shipped("reid")
    assert recipe.two_stages(has_text=True)
    assert recipe.losses_of(two_stages=True).i2t == 1
    assert not recipe.two_stages(has_text=False)
    assert recipe.losses_of(two_stages=False).i2t == 0


def test_losses_of_texts_need_two_stages() -> None:
    with pytest.raises(InputError, match="compare images with texts of identities"):
        ReidRecipe(losses={"supcon": 1}).losses_of(two_stages=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"losses": {"arcface_margin": 28.6}}, r"an angle in radians from 0 to 1.6 \(0.5 rad are 28.6 degrees\)"),
        ({"losses": {"id": 0, "triplet": 0}}, "all losses are off"),
        ({"prompts": {"templates": ["a hand"]}}, "the template 'a hand' has not one place for the words"),
        ({"prompts": {"templates": ["{} and X X"]}}, "has not one place"),
        ({"image_stage": {"schedule": {"first": 1e-5}}}, "first is for name=cosine with per=epoch"),
        ({"image_stage": {"images": 1}}, "images=1 cannot be used"),
        ({"image_stage": {"rates": {"visual": 0}}}, "visual=0 cannot be used"),
    ],
)
def test_values_that_cannot_be_used(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_recipe(ReidRecipe, values, "recipe")


def test_an_unknown_key_is_told_with_a_suggestion() -> None:
    with pytest.raises(UnknownOptionError, match=r"'tripplet'.*triplet"):
        validate_recipe(ReidRecipe, {"losses": {"tripplet": 1}}, "recipe")


def test_schedules_by_name() -> None:
    assert ScheduleConfig(name="constant").rates(3) is constant
    rising = ScheduleConfig(warm_up=2).rates(10)
    assert [rising(1.0, Moment(epoch, 10, 0, 5)) for epoch in (0, 1)] == pytest.approx([0.1, 0.6])
    for name in ("cosine", "one_cycle"):
        schedule = ScheduleConfig(name=name, per="epoch").rates(10)
        assert schedule(1.0, Moment(4, 10, 0, 5)) == schedule(1.0, Moment(4, 10, 4, 5))
