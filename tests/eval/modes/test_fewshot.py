from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.modes.fewshot import MODE, FewshotConfig
from eval.results.schema import EvalResult
from eval.runs.prepare_classification import PreparedClassification, prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from eval.seams.classification import Solution
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from tests.support.class_arrays import learners, learning_arm
from tests.support.labelled_stores import CLIP, class_store, labelled

if TYPE_CHECKING:
    from eval.seams.classification import ClassArrays


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(labelled(roles={"train": 6, "val": 6, "test": 5}))


def ready(store: MemoryStore, **options: Any) -> PreparedClassification:
    return prepare_classification(
        store, EvalRequest(mode="fewshot", space=CLIP, options={"bootstrap": 0, **options}), RequestInputs()
    )


def evaluated(store: MemoryStore, **options: Any) -> EvalResult:
    return evaluate(store, "fewshot", space=CLIP, options={"bootstrap": 0, **options}, say=lambda _: None)


def points(found: EvalResult | Solution, method: str) -> list[dict[str, Any]]:
    return [dict(each.settings) for each in found.sweep or () if each.settings.get("method") == method]


def test_every_method_with_every_number_of_shots_is_a_row(store: MemoryStore) -> None:
    result = evaluated(store, shots="5,1,1", method="prototype,linear,prototype", seeds=2)
    assert points(result, "prototype") == [{"method": "prototype", "shots": 1}, {"method": "prototype", "shots": 5}]
    assert len(points(result, "linear")) == 2
    assert result.sweep is not None
    assert {point.role for point in result.sweep} == {"test"}
    assert not any(point.chosen for point in result.sweep)


def test_the_metrics_are_of_the_first_method_with_the_most_shots(store: MemoryStore) -> None:
    result = evaluated(store, shots="1,3", method="linear,prototype", seeds=3)
    main = next(each for each in result.sweep or () if each.settings == {"method": "linear", "shots": 3})
    assert {name: metric.value for name, metric in result.metrics.items()} == main.metrics
    assert {name: metric.sd_seeds for name, metric in result.metrics.items()} == main.sd_seeds_of


def test_settings_of_a_method_are_chosen_on_val_for_each_number_of_shots(store: MemoryStore) -> None:
    result = evaluated(store, shots="1,3", method="knn", seeds=2, **{"knn.k": "1,2"})
    on_val = [each for each in result.sweep or () if each.role == "val"]
    assert [(each.settings["shots"], each.settings["k"]) for each in on_val] == [(1, 1), (1, 2), (3, 1), (3, 2)]
    for shots in (1, 3):
        assert sum(each.chosen for each in on_val if each.settings["shots"] == shots) == pytest.approx(1)
    assert result.arms is not None
    chosen = result.arms["knn"].chosen
    assert chosen is not None
    assert chosen.on == "val"


def test_side_by_side_nothing_is_of_val(store: MemoryStore) -> None:
    result = evaluated(store, shots=2, method="knn", choose="none", **{"knn.k": "1,2"})
    assert {each.role for each in result.sweep or ()} == {"test"}
    assert result.arms is not None
    chosen = result.arms["knn"].chosen
    assert chosen is not None
    assert chosen.on is None


def test_a_temperature_is_recorded(store: MemoryStore) -> None:
    result = evaluated(store, shots=3, calibrate=True)
    assert result.arms is not None
    assert result.arms["prototype"].calibration is not None


def test_more_seeds_keep_the_first(store: MemoryStore) -> None:
    two, four = (MODE.solve(found.arrays, _config(found), np.random.SeedSequence(0)) for found in (
        ready(store, shots=2, seeds=2), ready(store, shots=2, seeds=4)))  # fmt: skip
    for one, other in zip(two.answers[0], four.answers[0][:2], strict=True):
        assert np.array_equal(one.probs, other.probs)
    assert len(four.answers[0]) == 4
    assert not np.array_equal(four.answers[0][0].probs, four.answers[0][1].probs)


def _config(found: PreparedClassification) -> FewshotConfig:
    assert isinstance(found.config, FewshotConfig)
    return found.config


def test_as_many_shots_as_there_are_is_the_whole_train_split(store: MemoryStore) -> None:
    whole = evaluate(store, "prototype", space=CLIP, options={"bootstrap": 0})
    result = evaluated(store, shots=6)
    assert {name: metric.value for name, metric in result.metrics.items()} == pytest.approx(
        {name: metric.value for name, metric in whole.metrics.items()}, abs=1e-6
    )
    assert result.metrics["top_1"].sd_seeds == pytest.approx(0)


def test_too_few_images_are_told_once_for_each_number_of_shots() -> None:
    rows = [*labelled(), {"uri": "few.jpg", "label": "few", "split": "train"},
            {"uri": "none.jpg", "label": "none", "split": "test"}]  # fmt: skip
    result = evaluated(class_store(rows), shots="1,2,100", seeds=1)
    about = [words for words in result.warnings if "train sample" in words]
    assert about == [
        "1 of 6 classes have fewer than 2 train samples; all are used.",
        "5 of 6 classes have fewer than 100 train samples; all are used.",
        "1 of 6 classes have no train sample, so that nothing is learnt of them: only prompts can answer them.",
    ]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"method": "prompts"}, InputError, "prototype, knn, tip, linear"),
        ({"method": "prototype,classifier"}, InputError, "method=classifier"),
        ({"method": "protoype"}, UnknownNameError, "Did you mean 'prototype'"),
        ({"shots": 0}, InputError, "shots"),
        ({"seeds": 0}, InputError, "seeds"),
        ({"sampling": "last"}, InputError, "sampling"),
        ({"linear.c": 3}, UnknownNameError, "No arm 'linear'"),
    ],
)
def test_wrong_options(store: MemoryStore, options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        evaluated(store, **options)
    assert says in str(caught.value)


def test_tip_says_when_its_cache_answers_alone(store: MemoryStore) -> None:
    alone = evaluated(store, shots=2, method="tip")
    assert any("by its cache of shots alone" in words for words in alone.warnings)
    both = evaluated(store, shots=2, method="tip", bank="said")
    assert not any("cache of shots alone" in words for words in both.warnings)
    assert both.metrics["top_1"].value > alone.metrics["top_1"].value


def test_every_method_has_an_arm_with_its_setting_and_temperature(store: MemoryStore) -> None:
    result = evaluated(store, shots="1,3", method="prototype,knn", seeds=2, calibrate=True, **{"knn.k": "1,2"})
    assert result.arms is not None
    assert set(result.arms) == {"prototype", "knn"}
    chosen = result.arms["knn"].chosen
    assert chosen is not None
    assert (chosen.on, chosen.settings[0]["k"] in {1, 2}) == ("val", True)
    for arm in result.arms.values():
        assert arm.calibration is not None
    rows = {each.settings["method"]: each for each in result.sweep or () if each.settings.get("shots") == 3
            and "method" in each.settings}  # fmt: skip
    for name, arm in result.arms.items():
        assert {metric: each.value for metric, each in (arm.metrics or {}).items()} == rows[name].metrics


def test_a_temperature_at_the_end_of_the_range_is_said_of_every_method() -> None:
    found = MODE.solve(*_sure("prototype,linear"), np.random.SeedSequence(0))
    assert [words.split()[4] for words in found.warnings] == ["prototype", "linear"]


def _sure(method: str) -> tuple[ClassArrays, FewshotConfig]:
    """Methods that are right of every val sample."""
    arrays = learners(noise=0.01)
    arms = tuple(learning_arm(name, arrays.arms[0].vectors["base"], name) for name in method.split(","))
    options = {"method": method, "shots": 3, "calibrate": True, "bootstrap": 0}
    return replace(arrays, arms=arms), FewshotConfig.read(options, "-o")
