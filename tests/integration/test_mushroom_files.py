"""The real files of the 169 species as they are, and a fusion study of their size through a store on disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from eval.api import evaluate
from eval.prompts.sets import edges, read_prompts
from retrieval.labels import read_class_names
from retrieval.store.open import open_store
from tests.support.command_line import call_json
from tests.support.shared_data import needs_shared
from tests.support.species_study import ARMS, FILES, SPECIES, lance_store, study

if TYPE_CHECKING:
    from pathlib import Path


@needs_shared
def test_the_prompts_load_as_they_are() -> None:
    prompts = read_prompts(FILES / "delta_prompts.json")
    assert (len(prompts), len(prompts.unique_texts), len(prompts.classes)) == (10_389, 8_647, SPECIES)
    assert len(edges(prompts).vector) == 10_389
    shared = prompts.shared()
    assert (len(shared), sum(map(len, shared.values()))) == (19, 1_761)
    for name in ("plain", "attr", "attr_clean", "enriched"):
        assert len(read_prompts(FILES / f"class_prompts_{name}.json"))


@needs_shared
def test_labels_and_weights_name_the_species_of_the_prompts() -> None:
    names = read_class_names(FILES / "labels.tsv")
    assert len(names) == SPECIES
    assert set(names) == set(read_prompts(FILES / "delta_prompts.json").classes)
    for file in ("best_alpha.json", "best_alpha_b32.json"):
        weights = json.loads((FILES / file).read_text(encoding="utf-8"))
        assert set(weights) <= set(names)
        assert set(weights.values()) <= {0, 0.2, 0.4, 0.6, 0.8, 1}


@needs_shared
def test_a_study_of_the_files_has_their_images_and_prompts() -> None:
    world = study(files=FILES)
    assert [int((world.role == role).sum()) for role in ("val", "test")] == [15_616, 15_614]
    assert (len(world.texts), len(world.edges)) == (8_647, 10_389)


@needs_shared
def test_weights_per_class_from_the_file_through_the_command_line(tmp_path: Path) -> None:
    lance_store(study(600, prompts=3, files=FILES), tmp_path / "store")
    arms = [word for arm in ARMS for word in ("--arm", arm)]
    weights = FILES / "best_alpha.json"
    result = call_json(
        "eval", "--mode", "fusion", "--store", tmp_path / "store", *arms, "-o", "method=per_class", "-o",
        f"class_alphas={weights}", "-o", f"labels_from={FILES / 'labels.tsv'}", "-o", "bootstrap=0",
    )  # fmt: skip
    given = json.loads(weights.read_text(encoding="utf-8"))
    assert result["label_universe"]["n"] == SPECIES
    assert result["config"]["class_alphas"] == given
    mean = result["chosen"]["settings"][0]["class_alpha_mean"]
    assert mean == pytest.approx(sum(given.values()) / SPECIES)
    assert result["chosen"]["on"] is None  # all of them are given, none is chosen


def test_a_study_of_full_size(tmp_path: Path) -> None:
    """15,600 val and test images each, 10,400 prompts, 8 temperatures, 11 alphas, calibrated; on disk, read again."""
    world = study()
    lance_store(world, tmp_path / "store")
    result = evaluate(
        open_store(tmp_path / "store"),
        "fusion",
        arms=ARMS,
        options={
            "prompts.pool": "softmax", "prompts.temperature": "sweep", "calibrate": True, "bootstrap": 100,
        },
    )  # fmt: skip
    assert (result.n["val"], result.n["test"]) == tuple(int((world.role == role).sum()) for role in ("val", "test"))
    assert result.label_universe.n == SPECIES
    temperatures = [point for point in result.sweep or () if point.arm == "prompts"]
    alphas = [point for point in result.sweep or () if point.arm is None]
    assert (len(temperatures), len(alphas)) == (8, 11)
    gains = {name: (arm.gains or {})["top_1"] for name, arm in (result.arms or {}).items()}
    for gain in gains.values():
        assert gain.ci95 is not None
        assert gain.ci95[0] > 0.02
    assert 0.25 < result.metrics["top_1"].value - gains["prompts"].value < 0.33
    assert 0.52 < result.metrics["top_1"].value - gains["classifier"].value < 0.6
