"""Warnings beside numbers of a classification."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eval.api import evaluate
from eval.classification.caveats import metric_caveats, worse_than_arms
from eval.results.schema import ArmResult, EvalResult, Gain, Metric
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, RES, class_store, labelled, name_of, table_of, vectors_of

ROWS = labelled(roles={"train": 6, "val": 8, "test": 5})


def evaluated(mode: str, **fields: Any) -> EvalResult:
    options = {"bootstrap": 15, **fields.pop("options", {})}
    return evaluate(class_store(ROWS), mode, options=options, say=lambda _: None, **fields)


def test_a_fusion_worse_than_an_arm_says_so_first() -> None:
    arms = {
        "net": ArmResult(gains={"top_1": Gain(value=-0.038, ci95=(-0.075, -0.011))}),
        "text": ArmResult(gains={"top_1": Gain(value=0.1)}),
    }
    (said,) = worse_than_arms(arms)
    assert said == (
        "On test the fusion is worse than arm net alone: top-1 -3.8 [-7.5, -1.1] (paired difference in percent)."
    )
    assert worse_than_arms({**arms, "whole": ArmResult()}) == ()
    given = (f"a={CLIP}:prompts", f"b={RES}:classifier")
    found = [evaluated("fusion", arms=given, options={"weights": f"{1 - w},{w}"}) for w in (0.0, 1.0)]
    for result in found:
        lost = [name for name, arm in (result.arms or {}).items() if arm.gains and arm.gains["top_1"].value < 0]
        assert [f"arm {name} alone" in result.warnings[0] for name in lost] == [True] * len(lost)
    assert any("worse than arm" in result.warnings[0] for result in found if result.warnings)


@pytest.mark.parametrize(("classes", "says"), [(5, "top-5 is 100 %"), (6, None)])
def test_top_5_of_five_classes(classes: int, says: str | None) -> None:
    metrics = {"top_1": Metric(value=0.5), "top_5": Metric(value=1), "nll": Metric(value=0.1)}
    found = metric_caveats(metrics, classes, calibrated=False)
    assert (says in found[0]) if says else found == ()


def test_an_nll_above_that_of_chance_points_to_calibration() -> None:
    metrics = {"top_1": Metric(value=0.5), "nll": Metric(value=math.log(6) + 0.1)}
    assert "`calibrate=true` fits a temperature" in metric_caveats(metrics, 6, calibrated=False)[0]
    assert "unlike test" in metric_caveats(metrics, 6, calibrated=True)[0]
    assert metric_caveats(metrics, 6, calibrated=False, rules_out=True) == ()
    table = table_of([{**row, "label": name_of(at % 4)} for at, row in enumerate(ROWS)])
    store = MemoryStore(table, {CLIP: {"base": (table.column("key").to_pylist(), vectors_of(ROWS, 1))}})
    sure, better = (
        evaluate(store, "prototype", options={"class_temperature": 0.001, "bootstrap": 0, "calibrate": calibrate})
        for calibrate in (False, True)
    )
    assert any("`calibrate=true`" in warning for warning in sure.warnings)
    assert better.metrics["nll"].value < sure.metrics["nll"].value


def test_k_beyond_the_train_samples_is_told() -> None:
    found = evaluated("knn", space=CLIP, options={"k": "3,30", "train_limit": 9})
    assert any("only 9 train samples" in warning and "k=30 " in warning for warning in found.warnings)
    assert not any("vote" in warning for warning in evaluated("knn", space=CLIP, options={"k": "3"}).warnings)
    few = evaluated("fewshot", space=CLIP, options={"shots": "1,2", "method": "knn", "knn.k": "5"})
    assert any("only 4 train samples" in warning for warning in few.warnings)


def test_folds_are_those_of_the_protocol_where_it_has_some() -> None:
    arms = (f"a={CLIP}:prototype", f"b={RES}:prototype")
    shared = {"protocol": "k-fold", "arms": arms}
    options = {"folds": 3, "val_from": "train:0.3", "method": "stacker"}
    found = evaluated("fusion", options=options, **shared)
    assert (len(found.draws), found.config["folds"], found.config["fusion.folds"]) == (3, 3, 5)
    own = evaluated("fusion", options={**options, "fusion.folds": 2}, **shared)
    assert (len(own.draws), own.config["folds"], own.config["fusion.folds"]) == (3, 3, 2)


def test_one_shot_leaves_gda_without_a_covariance_and_that_is_told() -> None:
    one = evaluated("fewshot", space=CLIP, options={"shots": "1,2", "method": "gda"})
    assert any("gda has no covariance" in warning for warning in one.warnings)
    two = evaluated("fewshot", space=CLIP, options={"shots": "2", "method": "gda"})
    assert not any("gda has no covariance" in warning for warning in two.warnings)
