"""Which column is classified (``target``), and what is known of every sample (``given``)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.registry import load_mode
from eval.results.schema import EvalResult
from eval.runs.prepare_classification import PreparedClassification, prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, RES, class_store, labelled, name_of

KIND = {name_of(0): "vase", name_of(1): "vase", name_of(2): "lamp", name_of(3): "lamp"}
POSSIBLE = {"vase": [0, 1], "lamp": [2, 3]}
FUSED = (f"{CLIP}:prompts", f"{RES}:classifier")


def rows_of_kinds() -> list[dict[str, Any]]:
    """Every sample has the kind its class goes with, but one test sample that has none and one of a new kind."""
    rows = [
        {**row, "meta_kind": KIND[row["label"]], "meta_serial": f"n{at}", "meta_state": ("worn", "new")[at % 2]}
        for at, row in enumerate(labelled(roles={"train": 6, "val": 8, "test": 6}))
    ]
    tested = [row for row in rows if row["split"] == "test"]
    tested[0]["meta_kind"], tested[-1]["meta_kind"] = None, "coin"
    return rows


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(rows_of_kinds())


def ready(store: MemoryStore, mode: str, *, arms: tuple[str, ...] = (), **asked: Any) -> PreparedClassification:
    options = {"bootstrap": 0, **asked.pop("options", {})}
    space = None if arms else CLIP
    return prepare_classification(
        store, EvalRequest(mode=mode, space=space, arms=arms, options=options, **asked), RequestInputs()
    )


def evaluated(store: MemoryStore, mode: str, **options: Any) -> EvalResult:
    return evaluate(store, mode, space=CLIP, options={"bootstrap": 0, **options}, say=lambda _: None)


@pytest.mark.parametrize(
    ("mode", "options", "arms"),
    [
        ("zeroshot", {"calibrate": True}, ()),
        ("zeroshot", {"views": "base,hflip", "tta": "probabilities"}, ()),
        ("prototype", {}, ()),
        ("knn", {"k": "1,5"}, ()),
        ("fewshot", {"shots": "2", "method": "prototype,linear,tip", "calibrate": True}, ()),
        ("fusion", {"calibrate": True}, FUSED),
        ("fusion", {"method": "per_class"}, FUSED),
        ("fusion", {"method": "stacker"}, FUSED),
        ("fusion", {"method": "rerank"}, FUSED),
        ("fusion", {"method": "features"}, (f"{CLIP}:prototype", f"{RES}:prototype")),
    ],
)
def test_only_classes_that_go_with_what_is_known_are_answered(
    store: MemoryStore, mode: str, options: dict[str, Any], arms: tuple[str, ...]
) -> None:
    found = ready(store, mode, arms=arms, options={**options, "given": "kind"})
    kinds = found.samples.columns["given"]
    answers = [found.solution.answers, *(arm.answers for arm in found.solution.arms.values())]
    for answer in (each for seeds in (draws[0] for draws in answers) for each in seeds):
        np.testing.assert_allclose(answer.probs.sum(axis=1), 1, atol=1e-5)
        for row, probs in zip(answer.rows, answer.probs, strict=True):
            impossible = np.delete(probs, POSSIBLE.get(kinds[row], range(4)))
            assert not impossible.any()
    for calibration in (arm.calibration for arm in found.solution.arms.values()):
        assert (calibration is not None) == bool(options.get("calibrate"))


@pytest.mark.parametrize("mode", ["zeroshot", "prototype"])
def test_a_value_that_is_not_known_restricts_nothing(store: MemoryStore, mode: str) -> None:
    plain, given = (ready(store, mode, options=own) for own in ({}, {"given": "kind"}))
    kinds = given.samples.columns["given"]
    ((one,),), ((other,),) = plain.solution.answers, given.solution.answers
    free = np.array([kinds[row] not in POSSIBLE for row in one.rows])
    assert sorted(map(str, kinds[one.rows[free]])) == ["None", "coin"]
    np.testing.assert_array_equal(one.probs[free], other.probs[free])
    assert (one.probs != other.probs).any()


def test_what_is_known_helps_and_is_recorded(store: MemoryStore) -> None:
    plain, helped = evaluated(store, "prototype"), evaluated(store, "prototype", given="meta_kind")
    assert helped.metrics["nll"].value < plain.metrics["nll"].value
    assert (plain.config["given"], helped.config["given"]) == (None, "meta_kind")
    assert helped.n == plain.n


@pytest.mark.parametrize("mode", ["prototype", "zeroshot"])
def test_the_label_of_a_test_sample_does_not_come_back_through_another_fold(store: MemoryStore, mode: str) -> None:
    """A number of its own says of which class a sample is only where that sample is a train sample."""
    plain, serial = (
        ready(store, mode, protocol="k-fold", options=options).solution.answers
        for options in ({}, {"given": "serial"})
    )  # fmt: skip
    for one, other in zip(plain, serial, strict=True):
        np.testing.assert_array_equal(one[0].probs, other[0].probs)


def test_without_train_samples_nothing_says_what_goes_with_a_value() -> None:
    store = class_store([row for row in rows_of_kinds() if row["split"] != "train"])
    assert evaluated(store, "zeroshot").n["train"] == 0
    with pytest.raises(InputError, match="`given=kind` learns from train samples"):
        evaluated(store, "zeroshot", given="kind")


@pytest.mark.parametrize("target", ["meta_state", "state"])
def test_another_column_is_classified(store: MemoryStore, target: str) -> None:
    found = ready(store, "prototype", options={"target": target})
    assert found.arrays.classes == ("new", "worn")
    states = {row["uri"]: row["meta_state"] for row in rows_of_kinds()}
    for uri, code in zip(found.samples.columns["uri"], found.truth, strict=True):
        assert found.arrays.classes[code] == states[uri]
    result = evaluated(store, "prototype", target=target, given="kind")
    assert result.label_universe.names == ("new", "worn")
    assert result.config["target"] == target


def test_samples_without_the_target_take_no_part(store: MemoryStore) -> None:
    result = evaluated(store, "prototype", target="kind")
    assert result.label_universe.names == ("coin", "lamp", "vase")
    assert result.n["test"] == 23
    assert any(words.startswith("1 samples have no") for words in result.warnings)


@pytest.mark.parametrize("option", ["target", "given"])
@pytest.mark.parametrize(("name", "meant"), [("meta_knd", "meta_kind"), ("knd", "kind"), ("lable", "label")])
def test_an_unknown_column_is_one_sentence_with_a_suggestion(
    store: MemoryStore, option: str, name: str, meant: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        evaluated(store, "prototype", **{option: name})
    assert f"No column of samples '{name}'. Did you mean '{meant}'?" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_target_that_no_sample_has_is_named() -> None:
    store = class_store([{**row, "meta_kind": None} for row in rows_of_kinds()])
    with pytest.raises(InputError, match="None of these samples has a kind"):
        evaluated(store, "prototype", target="kind")


@pytest.mark.parametrize("method", ["prompts", "prototype,classifier"])
def test_few_shots_refuse_a_scorer_that_does_not_learn(store: MemoryStore, method: str) -> None:
    assert load_mode("fewshot").name == "fewshot"
    with pytest.raises(InputError, match="learns nothing from shots; take prototype, knn, tip, linear"):
        evaluated(store, "fewshot", method=method)
