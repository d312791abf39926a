"""Which gallery images count for a query, from the columns of the samples."""

from __future__ import annotations

from typing import Any

import pytest

from eval.api import evaluate
from retrieval.errors import InputError
from tests.support.identity_stores import memory_store, people


def with_train() -> list[dict[str, Any]]:
    """Twelve tested people with cameras, and eight of split train without."""
    tested = [
        {**row, "split": "query" if at % 4 == 0 else "gallery", "camera": str(at % 3)}
        for at, row in enumerate(people(12, 4))
    ]
    train = [
        {**row, "uri": f"t{row['uri']}", "identity": f"t{row['identity']}", "split": "train", "camera": None}
        for row in people(8, 3)
    ]
    return [*tested, *train]


def test_held_out_images_without_a_camera_do_not_switch_the_camera_rule() -> None:
    store = memory_store(with_train())
    alone = evaluate(store, "verification", options={"threshold_from": "none"})
    beside = evaluate(store, "verification")
    assert beside.thresholds
    assert alone.config["camera_rule"] == beside.config["camera_rule"] == "market1501"
    assert alone.n["genuine"] == beside.n["genuine"]
    assert alone.metrics["auc"].value == beside.metrics["auc"].value
    plain, normalised = evaluate(store, "reid"), evaluate(store, "reid", options={"score_norm": "z"})
    assert plain.config["camera_rule"] == normalised.config["camera_rule"] == "market1501"
    evaluate(store, "verification", options={"camera_rule": "market1501"})


@pytest.mark.parametrize("mode", ["reid", "verification"])
def test_one_missing_camera_does_not_switch_the_camera_rule_off(mode: str) -> None:
    rows = [row for row in with_train() if row["split"] != "train"]
    options = {"bootstrap": 0}
    ruled = evaluate(memory_store(rows), mode, options=options)
    plain = evaluate(memory_store(rows), mode, options={**options, "camera_rule": "none"})
    rows[0] = {**rows[0], "camera": None}
    partly = evaluate(memory_store(rows), mode, options=options)
    key = "rank_1" if mode == "reid" else "auc"
    assert ruled.metrics[key].value != plain.metrics[key].value
    assert abs(partly.metrics[key].value - ruled.metrics[key].value) < abs(
        partly.metrics[key].value - plain.metrics[key].value
    )
    (words,) = (each for each in partly.warnings if "camera" in each)
    assert words.startswith(f"1 of {len(rows)} samples have no camera (the first is ")
    assert partly.config["camera_rule"] == "auto"
    assert not any("camera" in each for each in (*ruled.warnings, *plain.warnings))
    with pytest.raises(InputError, match="camera_rule=market1501 needs every camera"):
        evaluate(memory_store(rows), mode, options={**options, "camera_rule": "market1501"})


def test_an_unknown_camera_is_not_that_of_another_image_whose_camera_is_unknown() -> None:
    rows = [row for row in with_train() if row["split"] != "train"]
    few = [{**row, "camera": None if row["identity"] in {"000", "001"} else row["camera"]} for row in rows]
    found = evaluate(memory_store(few), "reid", options={"slice": "identity", "bootstrap": 0})
    free = evaluate(memory_store(rows), "reid", options={"slice": "identity", "bootstrap": 0, "camera_rule": "none"})
    assert found.slices is not None
    assert free.slices is not None
    for name in ("000", "001"):
        assert found.slices[name].n == free.slices[name].n
        assert found.slices[name].metrics == free.slices[name].metrics


def test_hands_of_one_person_are_resampled_together() -> None:
    rows = people(9, 3, ("left", "right"), split="test")
    store = memory_store(rows)
    options = {"identity_columns": "identity,aspect", "threshold_from": "none", "bootstrap": 50}
    apart = evaluate(store, "verification", protocol="monte-carlo", options=options)
    assert apart.n["identities"] == 9
    assert apart.label_universe.n == 9
