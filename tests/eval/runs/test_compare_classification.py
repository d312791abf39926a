from __future__ import annotations

import json
from typing import Any

import pytest
from scipy.stats import binomtest

from eval.api import evaluate
from eval.results.schema import EvalResult
from eval.runs.compare import compare_requests, compare_results
from eval.runs.request import EvalRequest
from eval.statistics.paired_tests import McNemar
from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, RES, class_store, labelled

ROWS = labelled(roles={"train": 6, "val": 6, "test": 9})


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(ROWS)


OPTIONS = {"bootstrap": 60}


def evaluated(store: MemoryStore, mode: str, **asked: Any) -> EvalResult:
    if mode != "fusion":
        asked.setdefault("space", CLIP)
    return evaluate(store, mode, options={**OPTIONS, **asked.pop("options", {})}, say=lambda _: None, **asked)


def asked(mode: str, space: str = CLIP, **more: Any) -> EvalRequest:
    return EvalRequest(mode=mode, space=space, options={**OPTIONS, **more.pop("options", {})}, **more)


def test_two_spaces_are_compared_image_by_image(store: MemoryStore) -> None:
    found = compare_requests(store, asked("prototype"), asked("prototype", RES))
    a, b = evaluated(store, "prototype"), evaluated(store, "prototype", space=RES)
    for name, (one, other) in found.values.items():
        assert one == pytest.approx(a.metrics[name].value, abs=1e-9)
        assert other == pytest.approx(b.metrics[name].value, abs=1e-9)
        assert found.differences[name].metric.value == pytest.approx(other - one, abs=1e-9)
        assert 0 < found.differences[name].p_value <= 1
    assert found.n["test"] == 36
    assert found.a == f"prototype: prototype {CLIP}"
    test = found.mcnemar
    assert isinstance(test, McNemar)
    (only_a,), (only_b,) = test.only_a, test.only_b
    assert only_b - only_a == pytest.approx(36 * (b.metrics["top_1"].value - a.metrics["top_1"].value))
    assert test.p_value == pytest.approx(binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1)


def test_something_compared_with_itself_is_no_difference(store: MemoryStore) -> None:
    found = compare_requests(store, asked("knn"), asked("knn"))
    assert all(each.metric.value == 0 and each.p_value == 1 for each in found.differences.values())


def test_files_of_two_modes_give_what_the_requests_give(store: MemoryStore) -> None:
    files = evaluated(store, "zeroshot"), evaluated(store, "fusion", arms=(f"{CLIP}:prompts", f"{RES}:classifier"))
    found = compare_results(store, *files)
    assert found.b == f"fusion: prompts {CLIP} said, classifier {RES} classifier"
    assert found.values["top_1"] == tuple(each.metrics["top_1"].value for each in files)
    assert found.resamples == 60
    json.dumps(found.to_dict(), allow_nan=False)
    assert set(found.to_dict()["metrics"]["top_1"]) >= {"a", "b", "ci95", "p_value"}


def test_the_bank_of_a_classifier_is_that_of_the_result(store: MemoryStore) -> None:
    alone = evaluated(store, "conditional", space=RES, options={"method": "classifier", "given": None})
    named = evaluated(
        store, "conditional", space=RES, options={"method": "classifier", "given": None, "bank": "classif"}
    )
    assert alone.metrics == named.metrics
    found = compare_results(store, alone, named)
    assert found.values["top_1"] == (alone.metrics["top_1"].value,) * 2
    assert "slices" not in found.to_dict()  # the samples have no conditions
    both = evaluated(store, "conditional", options={"method": "prompts,knn", "given": None, "bank": "said"})
    assert both.arms is not None
    assert (both.arms["prompts"].bank, both.arms["knn"].bank) == ("said", None)


def test_other_train_and_val_samples_do_not_disturb_the_pairing(store: MemoryStore) -> None:
    """B reads fewer rows of the store than A, so its rows have other numbers."""
    few = evaluated(store, "prototype", options={"train_limit": 12, "val_n": 2})
    found = compare_results(store, evaluated(store, "prototype"), few)
    assert found.values["top_1"][1] == few.metrics["top_1"].value


def test_seeds_of_shots_stand_beside_one_answer(store: MemoryStore) -> None:
    few = evaluated(store, "fewshot", options={"shots": 2, "seeds": 3})
    found = compare_results(store, evaluated(store, "zeroshot"), few)
    assert found.values["nll"][1] == pytest.approx(few.metrics["nll"].value)


def test_draws_are_paired_one_by_one(store: MemoryStore) -> None:
    folds = {"protocol": "k-fold", "options": {"folds": 3}}
    found = compare_results(
        store, evaluated(store, "prototype", **folds), evaluated(store, "prototype", space=RES, **folds)
    )
    top = found.differences["top_1"]
    assert top.draws_up + top.draws_equal + top.draws_down == 3


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"options": {"test_n": 20}}, "different test samples"),
        ({"protocol": "holdout"}, "different test samples"),
        ({"options": {"tops": "1,3"}}, "tops="),
        ({"options": {"macro_over": "universe"}}, "macro_over="),
        ({"options": {"bins": 10}}, "bins="),
    ],
)
def test_what_does_not_compare_is_refused(store: MemoryStore, other: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        compare_results(store, evaluated(store, "prototype"), evaluated(store, "prototype", **dict(other)))
    assert says in str(caught.value)
    assert "evaluate both" in str(caught.value)


def test_other_universes_are_refused(store: MemoryStore, tmp_path: Any) -> None:
    (tmp_path / "labels.txt").write_text("\n".join([*(f"class {code}" for code in range(4)), "wolf"]))
    wider = evaluated(store, "prototype", options={"labels_from": str(tmp_path / "labels.txt")})
    with pytest.raises(InputError, match="different label universes"):
        compare_results(store, evaluated(store, "prototype"), wider)


def test_without_resamples_nothing_is_sure(store: MemoryStore) -> None:
    with pytest.raises(InputError, match="resamples"):
        compare_requests(store, asked("knn", options={"bootstrap": 0}), asked("knn", options={"bootstrap": 0}))


def test_the_file_must_still_be_true(store: MemoryStore) -> None:
    before = evaluated(store, "prototype")
    metric = before.metrics["top_1"]
    wrong = before.metrics | {"top_1": metric.model_copy(update={"value": metric.value - 0.1})}
    with pytest.raises(InputError, match="Result B says top_1"):
        compare_results(store, before, before.model_copy(update={"metrics": wrong}))


def test_the_same_twice_and_seeded_by_the_first(store: MemoryStore) -> None:
    pair = asked("prototype"), asked("prototype", RES)
    one, again = (compare_requests(store, *pair).to_dict() for _ in range(2))
    other = compare_requests(store, asked("prototype", seed=9), pair[1]).to_dict()
    assert one == again
    assert one["metrics"]["nll"]["ci95"] != other["metrics"]["nll"]["ci95"]
    assert one["metrics"]["nll"]["a"] == other["metrics"]["nll"]["a"]
