"""What every mode of classification promises: answers that know nothing of test labels, nor of other test samples.

Modes do not see the labels of test samples: draws have none, and what an examiner counts with them is sealed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.registry import MODES, load_mode
from eval.runs.prepare_classification import prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from eval.seams.classification import (
    ClassArrays,
    ClassConfig,
    Sealed,
    SettingMetrics,
    SettingTables,
    Solution,
    on_val,
)
from eval.seams.scorer import Arm
from retrieval.errors import InputError, TestDataError
from tests.support.class_arrays import points, truth_of, with_test_truth, without
from tests.support.labelled_stores import CLIP, RES, class_store, labelled

ROOT = Path(__file__).resolve().parents[2]

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "zeroshot": ("zeroshot", {"pool": "softmax,max,mean-embedding", "temperature": "0.05,0.5", "calibrate": True}),
    "prototype": ("prototype", {"calibrate": True}),
    "knn": ("knn", {"k": "1,5,20", "votes": "uniform,exp", "views": "base,hflip"}),
    "fewshot": ("fewshot", {"shots": "1,3", "method": "tip,linear", "tip.beta": "1,5.5", "seeds": 2}),
    "conditional": ("conditional", {"method": "prototype,knn", "given": None, "knn.k": "1,5"}),
    "fusion": ("fusion", {"alphas": "0,0.5,1", "calibrate": True}),
    "fusion by class": ("fusion", {"method": "per_class"}),
    "fusion by a stacker": ("fusion", {"method": "stacker"}),
    "fusion of features": ("fusion", {"method": "features", "alphas": "0.2,0.8"}),
    "fusion by ranks": ("fusion", {"method": "rerank", "depths": "2,3"}),
    "fusion with shots": ("fusion", {"shots": "1,3", "seeds": 2, "alphas": "0,0.5,1"}),
}
ARMS = {
    "fusion of features": (f"{CLIP}:prototype", f"{RES}:prototype"),
    "fusion with shots": (f"{CLIP}:prototype", f"{RES}:classifier"),
}


def case(name: str, *, protocol: str = "split", **options: Any) -> tuple[ClassArrays, ClassConfig]:
    """What a mode sees, and its options."""
    more = {"val_from": "train:0.3"} if protocol == "k-fold" else {}
    mode, own = CASES[name]
    arms = ARMS.get(name, (f"{CLIP}:prompts", f"{RES}:classifier")) if mode == "fusion" else ()
    space = None if arms else CLIP
    asked = EvalRequest(mode=mode, space=space, protocol=protocol, arms=arms,
                        options={"bootstrap": 20, **more, **own, **options})  # fmt: skip
    ready = prepare_classification(
        class_store(labelled(roles={"train": 6, "val": 12, "test": 5})), asked, RequestInputs()
    )
    return ready.arrays, ready.config


def solve(name: str, arrays: ClassArrays, config: ClassConfig, seed: int = 0) -> Solution:
    mode: Any = load_mode(CASES[name][0])
    found: Solution = mode.solve(arrays, config, np.random.SeedSequence(seed, spawn_key=(2,)))
    return found


def probabilities(solution: Solution) -> Iterator[Any]:
    """Those of the whole and of every arm by itself."""
    for answers in (solution.answers, *(arm.answers for arm in solution.arms.values())):
        for seeds in answers:
            for answer in seeds:
                yield answer.probs


def same(first: Solution, second: Solution) -> bool:
    ours, theirs = ([probs.tobytes() for probs in probabilities(each)] for each in (first, second))
    return ours == theirs and first.chosen == second.chosen


every_case = pytest.mark.parametrize("name", CASES)


def test_every_mode_has_a_case() -> None:
    assert {mode for mode, _ in CASES.values()} == {name for name in MODES if load_mode(name).task == "classification"}


@every_case
def test_probabilities_are_of_all_test_samples_and_sum_to_one(name: str) -> None:
    arrays, config = case(name)
    solution = solve(name, arrays, config)
    assert len(solution.answers) == len(arrays.draws)
    for probs in probabilities(solution):
        assert probs.dtype == np.float32
        assert probs.shape == (len(arrays.draws[0].test), len(arrays.classes))
        assert (probs >= 0).all()
        np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    for draw, seeds in zip(arrays.draws, solution.answers, strict=True):
        assert all(np.array_equal(answer.rows, draw.test) for answer in seeds)


@every_case
def test_the_same_seed_gives_the_same_bytes_and_nothing_is_written_to(name: str) -> None:
    arrays, config = case(name)
    for labels in (truth_of(arrays), *(draw.labels for draw in arrays.draws)):
        labels.flags.writeable = False
    for vectors in (each for arm in arrays.arms for each in arm.vectors.values()):
        vectors.flags.writeable = False
    first, second = solve(name, arrays, config), solve(name, arrays, config)
    assert same(first, second)
    assert points(arrays, first) == points(arrays, second)


@pytest.mark.parametrize("protocol", ["split", "k-fold"])
@every_case
def test_no_draw_holds_a_test_label(name: str, protocol: str) -> None:
    arrays, _ = case(name, protocol=protocol)
    assert len(arrays.draws) == (1 if protocol == "split" else 5)
    for draw in arrays.draws:
        assert len(draw.test)
        assert (draw.labels[draw.test] == -1).all()
        for known in (draw.train, draw.val):
            np.testing.assert_array_equal(draw.labels[known], truth_of(arrays)[known])


@pytest.mark.parametrize("truth", ["permuted", "shifted", "one class"])
@every_case
def test_the_labels_of_test_samples_change_no_answer_and_no_choice(name: str, truth: str) -> None:
    """The draws stay as they are to the bit, and the examiner counts with other labels."""
    arrays, config = case(name)
    labels, test = truth_of(arrays).copy(), arrays.draws[0].test
    own = labels[test]
    labels[test] = {
        "permuted": np.random.default_rng(0).permutation(own),
        "shifted": (own + 1) % len(arrays.classes),
        "one class": np.zeros_like(own),
    }[truth]
    assert (labels != truth_of(arrays)).any()
    other = with_test_truth(arrays, labels)
    before, after = solve(name, arrays, config), solve(name, other, config)
    assert same(before, after)
    assert [each.settings for each in before.sweep] == [each.settings for each in after.sweep]
    assert on_val_alone(before) == on_val_alone(after)


def on_val_alone(solution: Solution) -> list[SettingMetrics]:
    return [each for each in solution.sweep if isinstance(each, SettingMetrics) and each.role == "val"]


@every_case
def test_what_is_of_test_samples_is_sealed(name: str) -> None:
    """No mode can choose by metrics on test, whether it shows them or not."""
    options: tuple[dict[str, Any], ...] = {}, {"choose": "none", "calibrate": False}
    for own in options:
        arrays, config = case(name, **own)
        for each in solve(name, arrays, config).sweep:
            if isinstance(each, SettingTables):
                assert all(isinstance(table, Sealed) for seeds in each.tables for table in seeds)
            else:
                sealed = [isinstance(metrics, Sealed) for metrics in each.metrics]
                assert all(sealed) if each.role == "test" else not any(sealed)


def test_metrics_on_test_cannot_choose() -> None:
    with pytest.raises(TestDataError, match="test samples cannot choose"):
        on_val(Sealed({"top_1": 1.0}))
    assert on_val({"top_1": 1.0}) == {"top_1": 1.0}
    assert not hasattr(Sealed(0), "__dict__")


@every_case
def test_renaming_classes_changes_nothing(name: str) -> None:
    arrays, config = case(name)
    renamed = replace(arrays, classes=tuple(f"x{each}" for each in arrays.classes))
    assert same(solve(name, arrays, config), solve(name, renamed, config))


@every_case
def test_an_answer_does_not_depend_on_other_test_samples(name: str) -> None:
    arrays, config = case(name)
    few = arrays.draws[0].test[3:11]
    less = replace(arrays, draws=(replace(arrays.draws[0], test=few),))
    for whole, part in zip(
        probabilities(solve(name, arrays, config)), probabilities(solve(name, less, config)), strict=True
    ):
        np.testing.assert_allclose(part, whole[3:11], atol=2e-6)


@every_case
def test_nothing_is_learnt_from_test_vectors(name: str) -> None:
    """Moving the other test samples to where a class lies moves no answer."""
    arrays, config = case(name)
    test = arrays.draws[0].test
    moved = replace(arrays, arms=tuple(_moved(arm, test[8:]) for arm in arrays.arms))
    for whole, part in zip(
        probabilities(solve(name, arrays, config)), probabilities(solve(name, moved, config)), strict=True
    ):
        np.testing.assert_allclose(part[:8], whole[:8], atol=2e-6)
        assert not np.allclose(part[8:], whole[8:], atol=1e-3)


def _moved(arm: Arm, rows: Any) -> Arm:
    vectors = {view: each.copy() for view, each in arm.vectors.items()}
    for each in vectors.values():
        each[rows] = each[0]
    return replace(arm, vectors=vectors)


@every_case
def test_without_val_a_choice_is_refused_with_the_way_out(name: str) -> None:
    if name == "fusion with shots":
        name = "fusion"
    arrays, config = case(name)
    with pytest.raises(TestDataError, match=r"val_from=train:0\.1"):
        solve(name, without(arrays, "val"), config)


@pytest.mark.parametrize("name", ["zeroshot", "knn", "fewshot", "fusion", "fusion by ranks"])
def test_choosing_none_needs_no_val_and_takes_the_first(name: str) -> None:
    arrays, config = case(name, choose="none", calibrate=False)
    solution = solve(name, without(arrays, "val"), config)
    assert solution.chosen is not None
    assert solution.chosen.on is None
    shown = points(arrays, solution)
    assert {point.role for point in shown} == {"test"}
    assert not any(point.chosen for point in shown)


@every_case
def test_classes_absent_from_train_and_val_do_not_break_it(name: str) -> None:
    """One class has no train samples, and val has two classes only."""
    arrays, config = case(name)
    draw = arrays.draws[0]
    less = replace(
        draw, train=draw.train[draw.labels[draw.train] != 1], val=draw.val[draw.labels[draw.val] >= 2]
    )  # fmt: skip
    arrays = replace(arrays, draws=(less,))
    for probs in probabilities(solve(name, arrays, config)):
        np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["prototype", "knn", "fewshot", "fusion of features"])
def test_without_train_samples_learning_is_refused(name: str) -> None:
    arrays, config = case(name)
    with pytest.raises(InputError, match="train"):
        solve(name, without(arrays, "train"), config)


@pytest.mark.parametrize("name", ["fewshot", "fusion with shots"])
def test_another_seed_takes_other_shots(name: str) -> None:
    arrays, config = case(name)
    assert not same(solve(name, arrays, config, 0), solve(name, arrays, config, 1))


@pytest.mark.parametrize("name", [name for name in MODES if load_mode(name).task == "classification"])
def test_a_mode_of_classification_is_arithmetic_over_arrays(name: str) -> None:
    module = "eval" + MODES[name].partition(":")[0]
    heavy = "torch", "lancedb", "faiss", "click", "matplotlib", "pyarrow", "rich"
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
