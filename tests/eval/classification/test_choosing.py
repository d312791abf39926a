from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.classification.choosing import (
    Sweep,
    answer_of,
    arm_logits,
    arm_solution,
    best_index,
    calibration_warnings,
    choosing_rule,
    mean_calibration,
    metric_rule,
    require_val,
    solve_arm,
    train_rows,
)
from eval.classification.examiner import TruthExaminer
from eval.classification.figures import sweep_point
from eval.metrics.calibration import Calibration
from eval.metrics.probabilities import softmax
from eval.registry import load_scorer
from eval.results.schema import SweepPoint
from eval.scorers.similarity import combine_views
from eval.seams.classification import ClassArrays, ClassConfig
from eval.seams.scorer import Arm
from retrieval.errors import InputError, TestDataError
from retrieval.search.exact import make_index
from retrieval.types import Float32
from tests.support.class_arrays import draw_of, truth_of, without
from tests.support.class_banks import bank_of, directions

CLASSES, N = 4, 40


def arrays_of(scorer: str, options: dict[str, Any], *, norms: bool = False, seed: int = 0) -> ClassArrays:
    """Random vectors in two views; a third each of train, val and test, some train samples of another label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, N)
    labels[:3] = -1
    views = {view: directions(rng, N) for view in ("base", "hflip")}
    lengths = {view: rng.uniform(1, 4, N).astype(np.float32) for view in views} if norms else {}
    bank = bank_of(directions(rng, CLASSES), [(code, code) for code in range(CLASSES)])
    kind = load_scorer(scorer)
    arm = Arm(
        "arm", kind, views, kind.config_type.read(options, "test"), (bank,) if kind.needs_bank else (), lengths, 5.0
    )
    draw = draw_of(labels, np.arange(14), np.arange(14, 27), np.arange(27, N))
    ids = np.array([f"{at:02d}" for at in range(N)])
    return ClassArrays(ids, tuple("abcd"), None, (arm,), (draw,), make_index, TruthExaminer(labels))


def solved(arrays: ClassArrays, config: ClassConfig, sweep: Sweep | None = None, **more: bool) -> Any:
    (arm,), (draw,) = arrays.arms, arrays.draws
    sweep = sweep or Sweep("val", "arm")
    return solve_arm(arm, arrays, draw, train_rows(arm, draw), config, sweep, **more)


def scored(arrays: ClassArrays, role: str, setting: int, config: ClassConfig) -> Float32:
    (arm,), (draw,) = arrays.arms, arrays.draws
    rows = draw.val if role == "val" else draw.test
    settings = arm.scorer.settings(arm)
    return next(arm_logits(arm, arrays, draw, rows, train_rows(arm, draw), [settings[setting]], config))


def shown(sweep: Sweep) -> list[SweepPoint]:
    """The settings of a sweep as the result has them."""
    arrays = arrays_of("knn", {})
    rng = np.random.default_rng(0)
    return [sweep_point(setting, arrays, ClassConfig(), rng, "class") for setting in sweep.settings()]


Figures = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from([0.1, 0.2, 0.3]) for name in ("top_1", "top_5", "macro_f1", "balanced_accuracy", "nll")}
    ),
    min_size=1,
    max_size=8,
)


@given(Figures, st.sampled_from(["top_1", "top_5", "balanced_accuracy", "macro_f1", "nll"]), st.data())
def test_the_best_is_highest_then_by_nll_then_nearest_to_equal_weights_then_first(
    figures: list[dict[str, float]], criterion: Any, data: st.DataObject
) -> None:
    distances = [data.draw(st.sampled_from([0.0, 0.1])) for _ in figures]
    signed = [{name: -value if name == "nll" else value for name, value in each.items()} for each in figures]
    config = ClassConfig(criterion=criterion)
    keys: list[tuple[float, ...]]
    keys = [(each[criterion], each["nll"], -distances[at], -at) for at, each in enumerate(signed)]
    assert best_index(figures, config, distances) == keys.index(max(keys))
    keys = [(each[criterion], each["nll"], -at) for at, each in enumerate(signed)]
    assert best_index(figures, config) == keys.index(max(keys))
    keys = [(each[criterion], each["macro_f1"], -at) for at, each in enumerate(signed)]
    reports = ClassConfig(criterion=criterion, tie_break="macro_f1")
    assert best_index(figures, reports, distances) == keys.index(max(keys))


def test_rules() -> None:
    config = ClassConfig(tops=(3, 2, 3))
    assert metric_rule(config).tops == (2, 3)
    assert choosing_rule(config).tops == (1, 2, 3, 5)


def test_a_sweep_means_over_draws_and_counts_choices() -> None:
    sweep = Sweep("val", "arm")
    sweep.add([{"k": 1}, {"k": 5}], [{"top_1": 0.5}, {"top_1": 0.7}], 1)
    sweep.add([{"k": 1}, {"k": 5}], [{"top_1": 0.9}, {"top_1": 0.5}], 0)
    first, second = shown(sweep)
    assert [point.settings for point in (first, second)] == [{"k": 1}, {"k": 5}]
    assert [point.metrics["top_1"] for point in (first, second)] == pytest.approx([0.7, 0.6])
    assert [point.chosen for point in (first, second)] == [0.5, 0.5]
    assert (first.role, first.arm) == ("val", "arm")
    assert Sweep("val").settings() == ()


@pytest.mark.parametrize("scorer", ["knn", "prompts"])
@pytest.mark.parametrize("tta", ["vectors", "probabilities"])
def test_the_setting_that_is_best_on_val_answers_test(scorer: str, tta: Any) -> None:
    """A scorer that learns is asked once for val and test, one that does not twice; the answers are alike."""
    options = {"knn": {"k": "1,3,9"}, "prompts": {"pool": "softmax,max", "temperature": "0.05,1"}}[scorer]
    config = ClassConfig(views=("base", "hflip"), tta=tta)
    sweep = Sweep("val", "arm")
    arrays = arrays_of(scorer, options)
    found = solved(arrays, config, sweep)
    settings = load_scorer(scorer).settings(arrays.arms[0])
    accuracy = []
    for at in range(len(settings)):
        own = scored(arrays, "val", at, config).argmax(axis=1) == truth_of(arrays)[arrays.draws[0].val]
        accuracy.append(float(own.mean()))
    assert [point.metrics["top_1"] for point in shown(sweep)] == pytest.approx(accuracy)
    place = settings.index(found.setting)
    assert accuracy[place] == max(accuracy)
    assert found.chosen
    np.testing.assert_allclose(found.test, scored(arrays, "test", place, config), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.val, scored(arrays, "val", place, config), rtol=1e-5, atol=1e-5)


def test_choosing_none_takes_the_first_and_shows_all_on_test() -> None:
    sweep = Sweep("test", "arm")
    arrays = arrays_of("knn", {"k": "1,3,9"})
    found = solved(arrays, ClassConfig(choose="none"), sweep)
    assert found.setting == {"k": 1, "votes": "exp"}
    assert not found.chosen
    assert len(found.val) == 0
    truth = truth_of(arrays)[arrays.draws[0].test]
    for at, point in enumerate(shown(sweep)):
        own = scored(arrays, "test", at, ClassConfig()).argmax(axis=1) == truth
        assert point.metrics["top_1"] == pytest.approx(own.mean())
        assert point.chosen == 0


def test_a_single_setting_is_not_called_chosen_and_val_is_given_where_wanted() -> None:
    arrays = arrays_of("knn", {})
    alone, wanted = solved(arrays, ClassConfig()), solved(arrays, ClassConfig(), with_val=True)
    assert not alone.chosen
    assert alone.val.shape == (0, CLASSES)
    assert wanted.val.shape == (13, CLASSES)
    np.testing.assert_allclose(wanted.test, alone.test, rtol=1e-5)
    solution = arm_solution([[alone]], [arrays.draws[0].test], ClassConfig())
    assert solution.chosen is not None
    assert (solution.chosen.on, solution.chosen.criterion) == (None, None)


def test_calibration_divides_val_and_test_by_one_temperature() -> None:
    arrays = arrays_of("prompts", {})
    plain, fitted = solved(arrays, ClassConfig(), with_val=True), solved(arrays, ClassConfig(calibrate=True))
    temperature = fitted.calibration.temperature
    np.testing.assert_allclose(fitted.test, plain.test / temperature, rtol=1e-5)
    np.testing.assert_allclose(fitted.val, plain.val / temperature, rtol=1e-5)
    assert fitted.calibration.nll_after <= fitted.calibration.nll_before


@pytest.mark.parametrize(
    ("options", "config", "says"),
    [
        ({"k": "1,3"}, ClassConfig(), "choose=none"),
        ({}, ClassConfig(calibrate=True), "leave `calibrate` out"),
        ({"k": "1,3"}, ClassConfig(calibrate=True, choose="none"), "leave `calibrate` out"),
    ],
)
def test_without_val_there_is_no_choice(options: dict[str, Any], config: ClassConfig, says: str) -> None:
    arrays = arrays_of("knn", options)
    with pytest.raises(TestDataError) as caught:
        solved(without(arrays, "val"), config)
    assert says in str(caught.value)
    assert str(caught.value).count(".") == 2  # the full stop, and that of train:0.1
    assert len(require_val(arrays.draws[0], "A weight")) == 13


def test_train_rows_have_known_labels_and_only_learners_get_any() -> None:
    arrays = arrays_of("knn", {})
    assert train_rows(arrays.arms[0], arrays.draws[0]).tolist() == list(range(3, 14))
    assert not len(train_rows(arrays_of("prompts", {}).arms[0], arrays.draws[0]))
    with pytest.raises(InputError, match="`protocol=holdout`"):
        train_rows(arrays.arms[0], replace(arrays.draws[0], train=np.arange(3)))


def test_two_views_of_a_classifier_are_averaged_as_the_encoder_made_them() -> None:
    arrays = arrays_of("classifier", {}, norms=True)
    arm, rows = arrays.arms[0], arrays.draws[0].test
    config = ClassConfig(views=("base", "hflip"))
    raw = np.mean([arm.vectors[view][rows] * arm.norms[view][rows, None] for view in config.views], axis=0)
    np.testing.assert_allclose(scored(arrays, "test", 0, config), raw @ arm.banks[0].vectors.T, rtol=1e-4, atol=1e-5)
    both = combine_views([arm.vectors[view][rows] for view in config.views])
    prompts = arrays_of("prompts", {})
    want = 5 * both @ prompts.arms[0].banks[0].vectors.T
    np.testing.assert_allclose(scored(prompts, "test", 0, config), want, rtol=1e-4, atol=1e-5)


def test_a_mean_of_probabilities_keeps_what_cannot_be_answered() -> None:
    arrays = arrays_of("prompts", {})
    arm = arrays.arms[0]
    bank = bank_of(arm.banks[0].vectors, [(code, code) for code in range(CLASSES - 1)])
    config = ClassConfig(views=("base", "hflip"), tta="probabilities")
    logits = scored(replace(arrays, arms=(replace(arm, banks=(bank,)),)), "test", 0, config)
    assert np.isneginf(logits[:, -1]).all()
    np.testing.assert_allclose(softmax(logits).sum(axis=1), 1, rtol=1e-5)


def test_answers_are_probabilities() -> None:
    answer = answer_of(np.array([5, 7]), np.array([[0, -np.inf], [1, 1]], np.float32))
    assert answer.probs.tolist() == [[1, 0], [0.5, 0.5]]
    assert answer.rows.tolist() == [5, 7]


def fitted(temperature: float, value: float = 1.0, *, at_bound: bool = False, left_out: int = 0) -> Calibration:
    return Calibration(temperature, value, value, value, value, at_bound, 10, left_out)


def test_temperatures_are_averaged_as_factors() -> None:
    found = mean_calibration([fitted(0.5, 1.0), None, fitted(2.0, 3.0)])
    assert found is not None
    assert found.temperature == pytest.approx(1)
    assert (found.nll_before, found.ece_after) == (2, 2)
    assert mean_calibration([None]) is None


def test_temperatures_that_say_little_are_told() -> None:
    assert calibration_warnings("a", [fitted(1), None]) == ()
    (at_end,) = calibration_warnings("a", [fitted(1), fitted(0.01, at_bound=True)])
    assert "arm a is the end of the range searched, 0.01" in at_end
    (without,) = calibration_warnings("a", [fitted(1, left_out=2), fitted(1, left_out=3)])
    assert without.startswith("3 val samples")
