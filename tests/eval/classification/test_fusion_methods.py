from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.classification.fusion_methods import (
    ONE_SAMPLE,
    USED_BY,
    FusionOptions,
    is_fitted,
    mixtures,
    require_used,
    uniform_warnings,
    weight_settings,
)
from eval.classification.mixing import mix, mix_per_class
from eval.classification.stacker import stratified_folds
from eval.metrics.probabilities import softmax
from eval.seams.classification import ClassConfig
from retrieval.errors import InputError

NAMES = ("clip", "resnet")
CLASSES = ("Amanita rubescens", "Boletus edulis", "Crucibulum laeve")


def options(**values: Any) -> FusionOptions:
    return FusionOptions.read(values, "-o")


def some_val(n: int = 40) -> tuple[list[Any], Any]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return [softmax(rng.standard_normal((n, 3)) + 1.5 * np.eye(3)[labels]) for _ in NAMES], labels


def test_options_as_people_write_them() -> None:
    found = options(alphas="0,0.5,1", depths=3, stacker_c="0.1,1", weights="2,1")
    assert (found.alphas, found.depths, found.stacker_c, found.weights) == ((0, 0.5, 1), (3,), (0.1, 1), (2, 1))
    assert options(alphas=0.4).alphas == (0.4,)
    assert options(alphas=1).alphas == (1,)


@pytest.mark.parametrize(
    "values",
    [{"alphas": 1.5}, {"alphas": ""}, {"weights": "-1,2"}, {"weights": "1"}, {"depths": 0}, {"stacker_c": 0},
     {"shrinkage": -1}, {"class_alphas": {"Boletus edulis": 2}}, {"method": "vote"}, {"weights": ".inf,1"}],
)  # fmt: skip
def test_values_that_cannot_be_used_are_named(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"-o: {next(iter(values))}"):
        options(**values)


def test_weights_by_hand_are_one_way_to_share() -> None:
    assert weight_settings(options(weights="3,1"), NAMES) == [({"alpha": 0.25}, (0.75, 0.25))]
    ((setting, weights),) = weight_settings(options(weights="1,1,2"), ("a", "b", "c"))
    assert (setting, weights) == ({"alpha a": 0.25, "alpha b": 0.25, "alpha c": 0.5}, (0.25, 0.25, 0.5))
    with pytest.raises(InputError, match=r"`weights=1,2,3` cannot be used: 2 arms \(clip, resnet\)"):
        weight_settings(options(weights="1,2,3"), NAMES)
    with pytest.raises(InputError, match="at least one above 0"):
        weight_settings(options(weights="0,0"), NAMES)


def test_options_of_another_method_are_refused_unless_they_say_the_default() -> None:
    with pytest.raises(InputError, match=r"`class_alphas` is for `method=per_class`, and the method is alpha"):
        require_used(options(class_alphas={"Boletus edulis": 0.5}))
    with pytest.raises(InputError, match=r"`weights` is for `method=alpha or features`, and the method is stacker"):
        require_used(options(method="stacker", weights="1,2"))
    require_used(options(**options(method="rerank").model_dump()))  # as a result file has them
    assert set(USED_BY) | {"method"} == set(FusionOptions.model_fields) - set(ClassConfig.model_fields)


def test_what_has_to_be_fitted() -> None:
    whole = dict.fromkeys(CLASSES, 0.5)
    assert not is_fitted(options(), CLASSES)
    assert not is_fitted(options(method="rerank"), CLASSES)
    assert is_fitted(options(method="stacker"), CLASSES)
    assert is_fitted(options(method="per_class"), CLASSES)
    assert not is_fitted(options(method="per_class", class_alphas=whole), CLASSES)
    assert is_fitted(options(method="per_class", class_alphas={CLASSES[0]: 0.5}), CLASSES)


@pytest.mark.parametrize("method", ["per_class", "rerank"])
def test_methods_of_two_arms_say_so(method: str) -> None:
    with pytest.raises(InputError, match=f"`method={method}` takes two arms, and there are 3"):
        mixtures(options(method=method), ("a", "b", "c"), (), np.empty(0, np.int64), CLASSES)


def test_a_file_of_weights_for_all_classes_is_taken_as_it_is() -> None:
    probs, _ = some_val()
    given = {"boletus_edulis": 0.2, "Amanita rubescens": 1.0, "Crucibulum laeve": 0.0}
    (found,) = mixtures(options(method="per_class", class_alphas=given), NAMES, (), np.empty(0, np.int64), CLASSES)
    np.testing.assert_array_equal(found.mix(probs), mix_per_class(probs[0], probs[1], np.array([1.0, 0.2, 0.0])))
    assert found.fitted == {"class_alpha_mean": pytest.approx(0.4)}
    assert not found.warnings


def test_a_file_of_weights_with_other_classes_is_completed_from_val() -> None:
    probs, labels = some_val()
    given = {"Boletus edulis": 0.2, "Xylaria nova": 0.9, "Trametes nova": 0.9}
    (found,) = mixtures(options(method="per_class", class_alphas=given, alphas="0.5"), NAMES, probs, labels, CLASSES)
    np.testing.assert_array_equal(found.mix(probs), mix_per_class(probs[0], probs[1], np.array([0.5, 0.2, 0.5])))
    assert found.fitted["alpha"] == 0.5
    assert found.warnings == (
        "2 names of the file of weights are no class here ('Xylaria nova', ...).",
        "The file of weights has none for 2 of 3 classes; they take 0.5.",
    )


def test_a_file_of_weights_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="None of the 1 names of the file of weights is one of the 3 classes"):
        is_fitted(options(method="per_class", class_alphas={"Xylaria nova": 1}), CLASSES)


def test_the_same_candidate_twice_is_one() -> None:
    probs, labels = some_val()
    found = mixtures(options(alphas="0.5,0,0.5"), NAMES, probs, labels, CLASSES)
    assert [each.setting for each in found] == [{"alpha": 0.5}, {"alpha": 0.0}]
    np.testing.assert_array_equal(found[0].mix(probs), mix(probs, (0.5, 0.5)))


@pytest.mark.parametrize("classes", [2, 10, 169])
def test_cosines_as_they_are_say_nothing_and_real_probabilities_do(classes: int) -> None:
    rng = np.random.default_rng(0)
    cosines = 0.25 + 0.04 * rng.standard_normal((50, classes))
    weak = softmax(rng.standard_normal((50, classes)))
    assert [words.split()[1] for words in uniform_warnings(("raw", "weak"), (softmax(cosines), weak))] == ["raw"]


@pytest.mark.parametrize("given", [None, {"Boletus edulis": 0.2}])
def test_weights_per_class_are_judged_by_those_of_the_other_folds(given: dict[str, float] | None) -> None:
    """By hand: weights are fitted on all other folds for each."""
    probs, labels = some_val()
    config = options(method="per_class", class_alphas=given, folds=4, shrinkage=1)
    (found,) = mixtures(config, NAMES, probs, labels, CLASSES, out_of_fold=True)
    dealt = stratified_folds(labels, 4, config.sample_seed)
    slow = np.empty_like(probs[0])
    for fold in range(4):
        train, held = dealt != fold, dealt == fold
        (part,) = mixtures(config, NAMES, [each[train] for each in probs], labels[train], CLASSES)
        slow[held] = part.mix([each[held] for each in probs])
    assert found.out_of_fold is not None
    np.testing.assert_array_equal(found.out_of_fold, slow)
    (plain,) = mixtures(config, NAMES, probs, labels, CLASSES)
    assert plain.out_of_fold is None
    np.testing.assert_array_equal(found.mix(probs), plain.mix(probs))


def test_one_sample_cannot_be_held_out_and_that_is_said() -> None:
    probs, labels = some_val(1)
    (found,) = mixtures(options(method="per_class"), NAMES, probs, labels, CLASSES, out_of_fold=True)
    assert found.out_of_fold is None
    assert found.warnings == (ONE_SAMPLE,)
    whole = dict.fromkeys(CLASSES, 0.5)
    given = options(method="per_class", class_alphas=whole)
    assert not mixtures(given, NAMES, probs, labels, CLASSES, out_of_fold=True)[0].warnings
