"""The faults of the reports, understood: on a simulated study of 169 species, small enough for seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eval.api import evaluate
from tests.support.species_study import ARMS, SPECIES, Study, memory_store, study

if TYPE_CHECKING:
    from eval.results.schema import EvalResult
    from retrieval.store.memory import MemoryStore

COMPACT = {"bootstrap": 300}


@pytest.fixture(scope="session")
def world() -> Study:
    return study(1500, prompts=6, shots=15)


@pytest.fixture(scope="session")
def store(world: Study) -> MemoryStore:
    return memory_store(world)


def fusion(store: MemoryStore, arms: tuple[str, ...] = ARMS, **options: Any) -> EvalResult:
    dotted = {key.replace("__", "."): value for key, value in options.items()}
    return evaluate(store, "fusion", arms=arms, options={**COMPACT, **dotted}, say=lambda _: None)


@pytest.fixture(scope="session")
def calibrated(store: MemoryStore) -> EvalResult:
    return fusion(store, calibrate=True)


def top_1(result: EvalResult, arm: str | None = None) -> float:
    metrics = result.metrics if arm is None else (result.arms or {})[arm].metrics
    assert metrics is not None
    return metrics["top_1"].value


def curve(result: EvalResult) -> list[float]:
    """Top-1 on val by alpha."""
    return [point.metrics["top_1"] for point in result.sweep or () if point.arm is None]


def test_the_simulation_is_like_the_reports(calibrated: EvalResult, world: Study) -> None:
    result = calibrated
    assert len(world.classes) == SPECIES
    assert np.bincount(world.labels[world.role == "test"]).min() >= 2
    assert 0.2 < top_1(result, "prompts") < 0.35
    assert 0.45 < top_1(result, "classifier") < 0.65


def test_without_the_real_files_an_equivalent_is_drawn() -> None:
    made = study(1500, prompts=6)
    assert len(made.classes) == SPECIES
    assert np.bincount(made.labels).min() >= 4
    assert len(made.texts) < len(made.edges) <= 6 * SPECIES  # some texts speak for several species
    result = evaluate(memory_store(made), "fusion", arms=ARMS, options={**COMPACT, "calibrate": True})
    gain = ((result.arms or {})["classifier"].gains or {})["top_1"]
    assert gain.ci95 is not None
    assert gain.ci95[0] > 0


def test_cosines_without_a_scale_make_a_plateau_and_the_minimiser_still_finds_one(
    store: MemoryStore, calibrated: EvalResult
) -> None:
    """Any alpha >= .1 is the classifier's ranking, with or without the first arm; and T is far below 1."""
    flat = fusion(store, prompts__class_temperature=1.0)
    assert np.ptp(curve(flat)[1:]) < 0.005
    assert top_1(flat) == pytest.approx(top_1(flat, "classifier"), abs=0.005)
    assert any("Arm prompts has nearly uniform probabilities" in words for words in flat.warnings)
    fitted = fusion(store, prompts__class_temperature=1.0, calibrate=True)
    arms = fitted.arms or {}
    temperatures = {name: arm.calibration.temperature for name, arm in arms.items() if arm.calibration}
    assert temperatures["prompts"] == pytest.approx(0.008, rel=0.3)
    assert temperatures["classifier"] == pytest.approx(2.4, rel=0.15)
    assert np.ptp(curve(fitted)[1:]) > 0.05
    assert top_1(fitted) == pytest.approx(top_1(calibrated), abs=1e-9)  # whatever the scale was before


def test_a_calibrated_fusion_beats_both_arms(calibrated: EvalResult) -> None:
    result = calibrated
    for arm in (result.arms or {}).values():
        gain = (arm.gains or {})["top_1"]
        assert gain.ci95 is not None
        assert gain.ci95[0] > 0
        assert arm.calibration is not None
        assert arm.calibration.nll_after < arm.calibration.nll_before


def test_a_stacker_on_few_rows_warns_and_does_not_collapse(store: MemoryStore) -> None:
    """200 val images of 169 species gave the reports a top-1 of .002."""
    result = fusion(store, method="stacker", val_n=200)
    assert any("never saw" in words and "of 169 classes" in words for words in result.warnings)
    assert any("fewer than 5 val samples" in words for words in result.warnings)
    assert top_1(result) > top_1(result, "classifier")


def test_a_stacker_on_enough_rows_is_no_worse_than_the_best_weight(store: MemoryStore) -> None:
    stacker, best = fusion(store, method="stacker"), fusion(store)
    assert top_1(stacker) >= top_1(best)
    assert stacker.metrics["nll"].value < best.metrics["nll"].value
    assert stacker.metrics["macro_f1"].value >= best.metrics["macro_f1"].value


def test_top_5_among_fewer_labels_is_another_number(store: MemoryStore) -> None:
    """200 images have about 90 species: the same scores, but among those alone top-5 is far higher."""
    everything, seen = (
        evaluate(
            store, "zeroshot", space="clip", options={**COMPACT, "test_n": 200, "labels_from": origin},
            say=lambda _: None,
        )
        for origin in ("all", "split")
    )  # fmt: skip
    assert (everything.label_universe.n, everything.label_universe.origin) == (SPECIES, "all")
    assert 75 < seen.label_universe.n < 115
    assert seen.label_universe.origin == "split"
    assert seen.metrics["top_5"].value > everything.metrics["top_5"].value + 0.03
    assert seen.n["test"] == everything.n["test"] == 200


def test_few_shots_with_the_classifier(store: MemoryStore) -> None:
    """Prototypes of a few train images as the first arm: test figures of every number of shots, each with its alpha."""
    result = fusion(store, ("clip:prototype", "resnet:classifier"), shots="1,15", seeds=2, calibrate=True)
    tested = [point for point in result.sweep or () if point.role == "test"]
    assert [point.settings["shots"] for point in tested] == [1, 15]
    assert all(0 < float(point.settings["alpha"] or 0) < 1 for point in tested)
    assert tested[1].metrics["top_1"] > tested[0].metrics["top_1"]
    assert result.chosen is not None
    assert result.chosen.settings[0]["shots"] == 15
    assert top_1(result) == pytest.approx(tested[1].metrics["top_1"])


def test_two_spaces_of_one_scorer_are_an_ensemble(store: MemoryStore) -> None:
    result = fusion(store, ("clip:prototype", "resnet:prototype"), weights="1,1", calibrate=True)
    arms = list(result.arms or {})
    assert arms == ["clip prototype", "resnet prototype"]
    assert result.chosen is not None
    assert (result.chosen.settings[0], result.chosen.on) == ({"alpha": 0.5}, None)
    assert top_1(result) > max(top_1(result, name) for name in arms)
