"""Frozen layers that are computed once: training is the same as with images that are not augmented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import InputError
from tests.support.reid_training import drawn_samples, tower_of_kind
from training.hardware import settings_of
from training.jobs.reid.network import build_network
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.stages import ImageStage
from training.learner import Learner
from training.loop import fit
from training.run_settings import RunSettings

RECIPE: dict[str, Any] = {
    "stages": "images",
    "image_stage": {"epochs": 2, "identities": 4, "images": 2, "unfreeze": 1, "rates": {"visual": 1e-3}},
    "hardware": {"amp": "off"},
}


def _train(folder: Path, kind: str, **image_stage: Any) -> tuple[Any, list[int]]:
    """History, and which images were decoded plainly."""
    recipe = ReidRecipe.read({**RECIPE, "image_stage": {**RECIPE["image_stage"], **image_stage}}, "recipe")
    tower = tower_of_kind(folder, kind)
    samples = drawn_samples(tower, 6, 3, 4)
    decoded: list[int] = []
    plain = samples.images.plain

    def count(rows: Any) -> Any:
        decoded.extend(rows.tolist())
        return plain(rows)

    samples.images.plain = count  # type: ignore[method-assign]
    network = build_network(tower, recipe, len(samples.names), two_stages=False)
    hardware = settings_of(recipe.hardware, "cpu")
    stage = ImageStage(network, samples, recipe, hardware, two_stages=False, out=folder)
    result = fit(Learner(network.module, "mean_ap", [stage]), folder, seed=0, run=RunSettings(quiet=True))
    return result.history, decoded


@pytest.mark.parametrize("kind", ["resnet", "timm"])
def test_training_is_that_on_images_that_are_not_augmented(tmp_path: Path, kind: str) -> None:
    for name in ("kept", "whole"):
        (tmp_path / name).mkdir()
    history, decoded = _train(tmp_path / "kept", kind, cache_frozen=True)
    expected, _ = _train(tmp_path / "whole", kind)
    assert sorted(decoded) == list(range(36))  # train and held-out images, once each
    for line, other in zip(history, expected, strict=True):
        assert line["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert line["mean_ap"] == pytest.approx(other["mean_ap"], abs=0.05)


def test_a_run_that_goes_on_reads_what_is_kept(tmp_path: Path) -> None:
    first, _ = _train(tmp_path, "timm", cache_frozen=True)
    (tmp_path / "state.pt").unlink()
    again, decoded = _train(tmp_path, "timm", cache_frozen=True)
    assert decoded == []
    assert [line["loss"] for line in again] == [line["loss"] for line in first]


def test_without_frozen_layers_there_is_nothing_to_keep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frozen layers of test_efficientnet cannot be kept.*image_stage.unfreeze=1"):
        _train(tmp_path, "timm", cache_frozen=True, unfreeze="all")
