"""The detector that ships: by its name it opens, it is small, finds what is drawn, and was trained on other worlds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from data.drains import make_site, render
from data.drains_site import site_objects
from retrieval.detectors.registry import SHIPPED, open_detector
from retrieval.detectors.suppression import overlaps
from retrieval.encoders.shipped import MODELS
from retrieval.errors import MissingFileError
from tests.support.command_line import ROOT
from training.config import validate_recipe
from training.jobs.detector_recipe import DetectorRecipe

MEASURED_ON = {0, 21, 22}
"""Seeds of the worlds of its card (``tests.bench.bench_detector``)."""

RECIPE = ROOT / "training" / "recipes" / "detector.yaml"


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_small_and_has_a_card(name: str) -> None:
    folder = MODELS / name
    assert (folder / f"{name}.onnx").stat().st_size <= 2_000_000
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {name}\n")
    assert "Apache-2.0" in card
    assert "mAP@.5" in card


def test_it_finds_most_of_what_is_drawn_on_slopes_it_never_saw() -> None:
    detector = open_detector(Path("drains-tiny"), overlap=0.6)
    assert sorted(detector.labels) == ["rock toe", "slope drain", "toe drain", "vegetation"]
    hits = total = 0
    for index in range(4):
        site = make_site(index, seed=0)
        found = detector.detect(Image.fromarray(render(site, 0)), Path("slope.jpg"))
        for item in site_objects(site, 0):
            x, y, width, height = item.box
            true = np.array([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]], np.float32)
            boxes = [one.box for one in found if one.label == item.kind]
            edges = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
            hits += bool((overlaps(true, np.array(edges, np.float32).reshape(-1, 4)) >= 0.5).any())
            total += 1
    assert hits / total > 0.6


def test_it_was_trained_by_the_recipe_in_the_repository_on_other_worlds() -> None:
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    shipped = json.loads((MODELS / "drains-tiny" / "recipe.json").read_text(encoding="utf-8"))
    assert validate_recipe(DetectorRecipe, recipe, "recipe").model_dump(mode="json") == shipped
    seeds = {int(seed) for seed in re.findall(r"sample drains --seed (\d+)", RECIPE.read_text(encoding="utf-8"))}
    assert seeds
    assert not seeds & MEASURED_ON


def test_a_file_of_the_name_goes_before_it_and_another_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingFileError, match=r"no detector drain-tiny.*that ships \(drains-tiny\).*Did you mean"):
        open_detector(Path("drain-tiny"))
    Path("drains-tiny").mkdir()
    with pytest.raises(MissingFileError, match=r"has no data\.yaml or classes\.txt"):
        open_detector(Path("drains-tiny"))
