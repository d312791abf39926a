"""Changes of a recipe are split where its class says that a key ends."""

from __future__ import annotations

from typing import Any

import pytest

from retrieval.errors import InputError
from training.config import read_recipe
from training.overrides import apply_overrides, read_override
from training.registry import load_job


@pytest.mark.parametrize(
    ("job", "pair", "path", "text"),
    [
        ("classifier", "loop.warm-up=0.1", ("loop", "warm_up"), "0.1"),
        ("classifier", "data.oversample.habitat=moss=0.5", ("data", "oversample", "habitat=moss"), "0.5"),
        ("classifier", "data.oversample.A. b-c=50", ("data", "oversample", "A. b-c"), "50"),
        ("classifier", "data.oversample={a: 3}", ("data", "oversample"), "{a: 3}"),
        ("classifier", "data.where=label = 'x'", ("data", "where"), "label = 'x'"),
        ("classifier", "data.oversampl.a=b=1", ("data", "oversampl", "a"), "b=1"),
        ("finetune", "loss.weights.a.b=2", ("loss", "weights", "a.b"), "2"),
        ("finetune", "loss.weights=balanced", ("loss", "weights"), "balanced"),
        ("clip", "sources.my-drains.path=a/b=c", ("sources", "my-drains", "path"), "a/b=c"),
        ("clip", "model.vision_cfg.layers=[1]", ("model", "vision_cfg", "layers"), "[1]"),
        ("detector", "sources.x.split.trn=train", ("sources", "x", "split", "trn"), "train"),
    ],
)
def test_keys_end_where_the_recipe_says(job: str, pair: str, path: tuple[str, ...], text: str) -> None:
    assert read_override(pair, load_job(job).recipe) == (path, text)


def test_changes_go_into_the_mapping_of_a_recipe() -> None:
    pairs = ["data.oversample.habitat=moss=0.5", "data.oversample.rare=50", "data.oversample.habitat=bog=0.1"]
    recipe = read_recipe({"data": {"oversample": {"rare": 20, "other": 9}}}, pairs, load_job("classifier").recipe)
    expected = {"rare": 50, "other": 9, "habitat=moss": 0.5, "habitat=bog": 0.1}
    assert recipe == {"data": {"oversample": expected}}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["batch"], "override 'batch' is not key=value"),
        (["=3"], "is not key=value"),
        (["loop.=3"], "is not key=value"),
        (["data.oversample.=3"], "is not key=value"),
        (["data.oversample.rare"], "is not key=value"),
        (["loop.epochs=3", "loop.epochs=4"], "override loop.epochs is given twice"),
        (["batch.size=3"], "'batch' is a value, not a group of keys"),
        (["batch=[1"], r"override batch: '\[1' is not a value that can be read"),
    ],
)
def test_what_is_no_change_is_refused(pairs: list[str], message: str) -> None:
    recipe: dict[str, Any] = {"batch": 8}
    with pytest.raises(InputError, match=message):
        apply_overrides(recipe, pairs, load_job("classifier").recipe)
