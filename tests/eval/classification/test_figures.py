from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from eval.classification.choosing import metric_rule
from eval.classification.examiner import TruthExaminer
from eval.classification.figures import evaluation_of, resampled, tables_of
from eval.classification.universe import LabelUniverse
from eval.results.schema import Evaluation
from eval.seams.classification import Answer, ArmSolution, ClassArrays, ClassConfig, Solution
from eval.statistics.class_summary import paired_classes
from retrieval.errors import InputError
from retrieval.search.exact import make_index
from retrieval.types import Float32
from tests.support.class_arrays import draw_of, truth_of, with_truth

CLASSES = ("a", "b", "c", "d")
N = 30
CONFIG = ClassConfig(bootstrap=40)


def arrays_of(draws: int = 2, *, groups: bool = False) -> ClassArrays:
    """Draws test halves that overlap; class d is never tested, and one train sample has another label."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, N)
    labels[0] = -1
    tested = [np.arange(10 + 2 * draw, 24 + 2 * draw) for draw in range(draws)]
    made = tuple(draw_of(labels, np.arange(8), np.arange(8, 10), rows) for rows in tested)
    units = np.arange(N) // 3 if groups else None
    ids = np.array([f"{at:02d}" for at in range(N)])
    return ClassArrays(ids, CLASSES, units, (), made, make_index, TruthExaminer(labels, units))


def probabilities(rows: int, seed: int) -> Float32:
    found: Float32 = np.random.default_rng(seed).dirichlet(np.ones(4), rows).astype(np.float32)
    return found


def solution_of(arrays: ClassArrays, seeds: int = 1, **arms: int) -> Solution:
    def answers(first: int) -> tuple[tuple[Answer, ...], ...]:
        return tuple(
            tuple(
                Answer(draw.test, probabilities(len(draw.test), 100 * first + 10 * at + seed)) for seed in range(seeds)
            )
            for at, draw in enumerate(arrays.draws)
        )

    return Solution(answers(0), arms={name: ArmSolution(answers(first)) for name, first in arms.items()})


def evaluated(arrays: ClassArrays, solution: Solution, config: ClassConfig = CONFIG) -> Evaluation:
    universe, rng = LabelUniverse(CLASSES, "all"), np.random.default_rng(0)
    return evaluation_of(arrays, universe, solution, config, rng)


def test_figures_of_classes_are_of_counts_over_all_draws() -> None:
    arrays = arrays_of()
    solution = solution_of(arrays)
    found = evaluated(arrays, solution)
    labels = np.concatenate([truth_of(arrays)[draw.test] for draw in arrays.draws])
    predicted = np.concatenate([seeds[0].probs.argmax(axis=1) for seeds in solution.answers])
    want = precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    assert found.per_class is not None
    assert list(found.per_class) == list(CLASSES)
    for code, each in enumerate(found.per_class.values()):
        assert (each.precision, each.recall, each.f1) == pytest.approx([row[code] for row in want[:3]])
        assert (each.support, each.predicted) == (want[3][code], (predicted == code).sum())
    matrix = confusion_matrix(labels, predicted, labels=range(4))
    np.fill_diagonal(matrix, 0)
    assert found.confusion is not None
    assert {(each.label, each.predicted): each.count for each in found.confusion} == {
        (CLASSES[truth], CLASSES[taken]): matrix[truth, taken] for truth, taken in np.argwhere(matrix)
    }
    counts = [each.count for each in found.confusion]
    assert counts == sorted(counts, reverse=True)


def test_counts_are_means_over_draws_of_samples_with_a_known_label() -> None:
    arrays = arrays_of()
    found = evaluated(arrays, solution_of(arrays)).n
    assert (found["train"], found["val"], found["test"]) == (7, 2, 14)
    assert found["classes_tested"] == 3


def test_curves_are_of_all_draws_together() -> None:
    arrays = arrays_of()
    curves = evaluated(arrays, solution_of(arrays, one=1, two=2)).curves
    assert curves is not None
    assert set(curves) == {f"{kind}{arm}" for kind in ("reliability", "coverage") for arm in ("", "_one", "_two")}
    assert sum(curves["reliability"]["count"]) == 28
    assert set(evaluated(arrays, solution_of(arrays, one=1)).curves or ()) == {"reliability", "coverage"}


def test_seeds_widen_and_draws_are_means() -> None:
    arrays = arrays_of()
    found = evaluated(arrays, solution_of(arrays, seeds=3))
    assert len(found.draws) == 2
    assert found.metrics["top_1"].sd_seeds is not None
    assert found.metrics["top_1"].value == pytest.approx(np.mean([draw["top_1"] for draw in found.draws]))
    assert evaluated(arrays, solution_of(arrays)).metrics["top_1"].sd_seeds is None


def test_what_the_whole_gains_is_its_figure_less_the_arms() -> None:
    arrays = arrays_of()
    found = evaluated(arrays, solution_of(arrays, same=0, other=5))
    assert found.arms is not None
    same, other = found.arms["same"], found.arms["other"]
    assert same.gains is not None
    assert same.metrics == found.metrics
    assert all(gain.value == 0 and gain.p_value == 1 for gain in same.gains.values())
    assert other.gains is not None
    assert other.metrics is not None
    for name, gain in other.gains.items():
        assert gain.value == pytest.approx(found.metrics[name].value - other.metrics[name].value)


def test_an_arm_that_is_the_whole_has_no_figures_twice() -> None:
    arrays = arrays_of()
    found = evaluated(arrays, solution_of(arrays, one=0))
    assert found.arms is not None
    assert found.arms["one"].metrics is None


def test_warnings_name_classes_that_are_not_tested_or_once() -> None:
    arrays = arrays_of()
    labels = truth_of(arrays).copy()
    labels[labels == 2] = 1
    labels[15] = 2
    found = evaluated(with_truth(arrays, labels), solution_of(arrays))
    assert any("1 class (c) has one test sample" in words for words in found.warnings)
    assert any("1 class (d) has no test sample" in words for words in found.warnings)


def test_what_is_resampled() -> None:
    plain, grouped = arrays_of(), arrays_of(groups=True)
    assert grouped.groups is not None
    some = replace(grouped, groups=np.where(np.arange(N) == 12, -1, grouped.groups))
    untested = replace(grouped, groups=np.where(np.arange(N) < 5, -1, grouped.groups))
    assert [resampled(each, CONFIG) for each in (plain, grouped, some, untested)] == [
        "class",
        "group",
        "class",
        "group",
    ]
    assert resampled(grouped, ClassConfig(interval="class")) == "class"
    assert resampled(untested, ClassConfig(interval="group")) == "group"
    for each, lacking in ((plain, 16), (some, 1)):
        with pytest.raises(InputError, match=f"{lacking} of 16 have none"):
            resampled(each, ClassConfig(interval="group"))
    config = evaluated(grouped, solution_of(grouped)).config
    assert (config["interval"], config["draws"]) == ("group", 2)


def test_the_generator_is_not_used_up() -> None:
    arrays = arrays_of()
    rng = np.random.default_rng(0)
    universe, solution = LabelUniverse(CLASSES, "all"), solution_of(arrays, one=1, two=2)
    first, second = (
        evaluation_of(arrays, universe, solution, CONFIG, rng) for _ in range(2)
    )  # fmt: skip
    assert first == second


def test_a_gain_has_the_p_value_that_compare_has() -> None:
    """Of the same randomisation, groups as wholes; McNemar's takes the images of a group for independent."""
    arrays, config = arrays_of(groups=True), CONFIG.model_copy(update={"interval": "group"})
    solution = solution_of(arrays, first=1, second=2)
    gains = (evaluated(arrays, solution, config).arms or {})["first"].gains or {}
    alone, whole = (tables_of(each, arrays, "group") for each in (solution.arms["first"].answers, solution.answers))
    rng = np.random.default_rng(0)
    apart = paired_classes(alone, whole, len(arrays.classes), metric_rule(config), config.bootstrap, rng, "group")
    assert {name: gain.p_value for name, gain in gains.items()} == {name: each.p_value for name, each in apart.items()}
