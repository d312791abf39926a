from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, top_k_accuracy_score

from eval.classification.mixing import mix, rerank_best
from eval.metrics.probabilities import softmax
from eval.registry import load_mode, load_scorer
from retrieval.errors import InputError, TestDataError
from tests.support.class_arrays import (
    arrays_of,
    given_arm,
    learners,
    learning_arm,
    points,
    signals,
    solve,
    truth_of,
    two_arms,
    with_test_truth,
    with_truth,
    without,
)

if TYPE_CHECKING:
    from eval.seams.classification import ClassArrays, Solution
    from retrieval.types import Float32

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def arm_probs(arrays: ClassArrays, rows: Any) -> list[Float32]:
    return [softmax(arm.vectors["base"][rows] * arm.norms["base"][rows, None]) for arm in arrays.arms]


def slow_key(criterion: str, probs: Float32, labels: Any, classes: int) -> tuple[float, float]:
    """The criterion and its tie-break, by scikit-learn."""
    predicted, all_classes = probs.argmax(axis=1), np.arange(classes)
    likelihood = -log_loss(labels, probs / probs.sum(axis=1, keepdims=True, dtype=np.float64), labels=all_classes)
    found = {
        "top_1": float((predicted == labels).mean()),
        "top_5": top_k_accuracy_score(labels, probs, k=5, labels=all_classes),
        "balanced_accuracy": balanced_accuracy_score(labels, predicted),
        "macro_f1": f1_score(labels, predicted, average="macro"),
        "nll": likelihood,
    }[criterion]
    return round(float(found), 9), round(float(likelihood), 9)


def test_it_is_in_the_table() -> None:
    assert load_mode("fusion").name == "fusion"


@pytest.mark.parametrize("criterion", ["top_1", "top_5", "balanced_accuracy", "macro_f1", "nll"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_weight_is_the_best_on_val_and_is_applied_to_test(criterion: str, seed: int) -> None:
    arrays = two_arms(seed, classes=8, draws=2)
    found = solve(arrays, alphas="0,0.25,0.5,0.75,1", criterion=criterion)
    assert found.chosen is not None
    assert (found.chosen.criterion, found.chosen.on) == (criterion, "val")
    for draw, setting, seeds in zip(arrays.draws, found.chosen.settings, found.answers, strict=True):
        val, labels = arm_probs(arrays, draw.val), truth_of(arrays)[draw.val]
        keys = [slow_key(criterion, mix(val, (1 - alpha, alpha)), labels, 8) for alpha in ALPHAS]
        best = ALPHAS[keys.index(max(keys))]
        assert setting == {"alpha": best}
        np.testing.assert_array_equal(seeds[0].rows, draw.test)
        test = arm_probs(arrays, draw.test)
        np.testing.assert_allclose(seeds[0].probs, mix(test, (1 - best, best)), atol=1e-6)
    assert sum(point.chosen for point in points(arrays, found)) == pytest.approx(1)


def test_test_labels_decide_nothing() -> None:
    arrays = two_arms(3)
    labels = truth_of(arrays).copy()
    labels[arrays.draws[0].test] = 0
    for method in ("alpha", "per_class", "stacker", "rerank"):
        one, other = (solve(each, method=method) for each in (arrays, with_test_truth(arrays, labels)))
        np.testing.assert_array_equal(one.answers[0][0].probs, other.answers[0][0].probs)
        assert one.chosen == other.chosen


@pytest.mark.parametrize("method", ["alpha", "per_class", "stacker", "features", "rerank"])
def test_without_val_there_is_no_choice_and_no_fit(method: str) -> None:
    with pytest.raises(TestDataError, match="no val samples to choose on; pass `val_from"):
        solve(without(learners(), "val"), method=method)


@pytest.mark.parametrize(
    "options",
    [
        {"alphas": 0.3},
        {"weights": "7,3"},
        {"method": "rerank", "depths": 3},
        {"method": "per_class", "class_alphas": {f"class {code}": 0.3 for code in range(5)}},
        {"method": "alpha", "choose": "none"},
    ],
)
def test_where_nothing_is_chosen_no_val_is_needed(options: dict[str, Any]) -> None:
    arrays = two_arms(4)
    found = solve(without(arrays, "val"), **options)
    same = solve(arrays, **options)
    np.testing.assert_array_equal(found.answers[0][0].probs, same.answers[0][0].probs)
    assert found.chosen is not None
    assert found.chosen.on is None


def test_without_choice_all_stand_side_by_side_on_test_and_the_first_answers() -> None:
    arrays = two_arms(5)
    found = solve(arrays, alphas="0.5,0,1", choose="none")
    assert [(p.role, p.settings["alpha"], p.chosen) for p in points(arrays, found)] == [
        ("test", a, 0.0) for a in (0.5, 0.0, 1.0)
    ]
    draw = arrays.draws[0]
    for point in points(arrays, found):
        mixed = mix(
            arm_probs(arrays, draw.test),
            (1 - float(point.settings["alpha"] or 0), float(point.settings["alpha"] or 0)),
        )
        assert point.metrics["top_1"] == pytest.approx((mixed.argmax(axis=1) == truth_of(arrays)[draw.test]).mean())
    np.testing.assert_allclose(found.answers[0][0].probs, mix(arm_probs(arrays, draw.test), (0.5, 0.5)), atol=1e-6)


def test_calibration_is_of_each_arm_and_comes_before_the_weights() -> None:
    rng = np.random.default_rng(6)
    base = rng.standard_normal((1500, 5))
    labels = np.array(
        [
            rng.choice(5, p=softmax(row[None])[0].astype(float) / softmax(row[None])[0].astype(float).sum())
            for row in base
        ]
    )
    arms = [given_arm("soft", base / 50), given_arm("sure", 2.5 * base)]
    found = solve(arrays_of(arms, labels, 5, (0, 1000, 500)), calibrate=True)
    temperatures = {name: arm.calibration.temperature for name, arm in found.arms.items() if arm.calibration}
    assert temperatures["sure"] / temperatures["soft"] == pytest.approx(125, rel=1e-3)
    assert temperatures["sure"] == pytest.approx(2.5, rel=0.15)
    np.testing.assert_allclose(
        found.arms["soft"].answers[0][0].probs, found.arms["sure"].answers[0][0].probs, atol=1e-4
    )


def test_a_nearly_uniform_arm_is_said() -> None:
    arrays = two_arms(7)
    soft = replace(arrays.arms[0], norms={"base": arrays.arms[0].norms["base"] / np.float32(1000)})
    assert any(
        "Arm clip has nearly uniform" in words for words in solve(replace(arrays, arms=(soft, arrays.arms[1]))).warnings
    )
    assert not solve(arrays).warnings


def test_three_arms_share_one() -> None:
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 6, 300)
    arms = [given_arm(name, signals(labels, 6, 1.2, rng)) for name in "abc"]
    arrays = arrays_of(arms, labels, 6, (0, 200, 100))
    found = solve(arrays, alphas="0,0.25,0.5,0.75,1", criterion="nll")
    assert len(found.sweep) == 15
    assert found.chosen is not None
    setting = found.chosen.settings[0]
    assert list(setting) == ["alpha a", "alpha b", "alpha c"]
    assert sum(float(weight or 0) for weight in setting.values()) == pytest.approx(1)
    tested = arm_probs(arrays, arrays.draws[0].test)
    expected = mix(tested, [float(weight or 0) for weight in setting.values()])
    np.testing.assert_allclose(found.answers[0][0].probs, expected, atol=1e-6)
    assert min(float(weight or 0) for weight in setting.values()) > 0


def test_the_first_arm_orders_the_best_of_the_last() -> None:
    arrays = two_arms(9)
    found = solve(arrays, method="rerank", depths=3)
    first, last = arm_probs(arrays, arrays.draws[0].test)
    np.testing.assert_allclose(found.answers[0][0].probs, rerank_best(last, first, 3), atol=1e-6)


def test_classes_that_one_arm_cannot_answer() -> None:
    arrays = two_arms(10)
    clip = arrays.arms[0]
    bank = replace(clip.banks[0], edge_vector=np.arange(3), edge_class=np.arange(3))
    arrays = replace(arrays, arms=(replace(clip, banks=(bank,)), arrays.arms[1]))
    for method in ("alpha", "per_class", "stacker", "rerank"):
        probs = solve(arrays, method=method).answers[0][0].probs
        assert np.isfinite(probs).all()
        np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("method", ["alpha", "per_class", "rerank"])
def test_val_of_one_class_is_enough_to_choose(method: str) -> None:
    arrays = two_arms(11)
    labels = truth_of(arrays).copy()
    labels[arrays.draws[0].val] = 2
    assert solve(with_truth(arrays, labels), method=method).answers[0][0].probs.shape == (40, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(2, 7), st.integers(1, 8), st.integers(1, 5),
    st.sampled_from(["alpha", "per_class", "stacker", "rerank"]), st.booleans(),
)  # fmt: skip
def test_whatever_there_is_gives_probabilities_or_one_sentence(
    seed: int,
    classes: int,
    val: int,
    test: int,
    method: str,
    tied: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    """One sample, absent classes, ties, fewer classes than a depth."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, val + test)
    raw = [signals(labels, classes, 1, rng) for _ in range(2)]
    arms = [given_arm(name, np.round(each) + 0.5 if tied else each) for name, each in zip("ab", raw, strict=True)]
    arrays = arrays_of(arms, labels, classes, (0, val, test))
    if method == "stacker" and len(np.unique(labels[:val])) == 1:
        with pytest.raises(InputError, match="learns from val samples of several classes"):
            solve(arrays, method=method)
        return
    probs = solve(arrays, method=method).answers[0][0].probs
    assert probs.dtype == np.float32
    assert (probs >= 0).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


def test_what_was_fitted_is_shown() -> None:
    arrays = two_arms(12)
    per_class, stacker = (solve(arrays, method=method).chosen for method in ("per_class", "stacker"))
    assert per_class is not None
    assert stacker is not None
    assert set(per_class.settings[0]) == {"alpha", "class_alpha_mean"}
    assert set(stacker.settings[0]) == {"stacker_c", "held_out_nll"}
    assert (stacker.criterion, stacker.on) == ("nll", "val")


def test_shots_and_weights_are_chosen_together() -> None:
    arrays = learners()
    found = solve(arrays, shots="1,4", seeds=3, alphas="0,0.5,1")
    whole = [point for point in points(arrays, found) if point.arm is None and point.role == "val"]
    assert {(point.settings["alpha"], point.settings["shots"]) for point in whole} == {
        (a, s) for a in (0, 0.5, 1) for s in (1, 4)
    }
    assert sum(point.chosen for point in whole) == pytest.approx(1)
    assert found.chosen is not None
    shots = found.chosen.settings[0]["shots"]
    assert all(point.settings["shots"] == shots for point in whole if point.chosen)
    assert len(found.answers[0]) == 3
    assert (len(found.arms["few"].answers[0]), len(found.arms["resnet"].answers[0])) == (3, 1)
    tested = {point.settings["shots"]: point for point in points(arrays, found) if point.role == "test"}
    for number, point in tested.items():
        alone = solve(arrays, shots=str(number), seeds=3, alphas="0,0.5,1")
        labels = truth_of(arrays)[arrays.draws[0].test]
        hits = [(each.probs.argmax(axis=1) == labels).mean() for each in alone.answers[0]]
        assert point.metrics["top_1"] == pytest.approx(np.mean(hits))
        assert alone.chosen is not None
        assert point.settings == alone.chosen.settings[0]
        assert point.sd_seeds_of is not None
        assert point.ci95_of is not None
        assert point.sd_seeds_of["top_1"] == pytest.approx(np.std(hits, ddof=1))


def test_without_choice_the_most_shots_answer_whatever_test_says() -> None:
    arrays = learners()
    labels = truth_of(arrays).copy()
    labels[arrays.draws[0].test] = (labels[arrays.draws[0].test] + 1) % 6  # more shots are worse
    for each in (arrays, with_test_truth(arrays, labels)):
        found = solve(without(each, "val"), shots="4,1", sampling="first", choose="none", alphas="0,1")
        assert found.chosen is not None
        assert found.chosen.settings[0] == {"alpha": 0, "shots": 4}
        shown = [(p.role, p.settings["shots"], p.settings["alpha"]) for p in points(each, found)]
        assert shown == [("test", shots, alpha) for shots in (1, 4) for alpha in (0, 1)]


def test_shots_need_an_arm_that_learns() -> None:
    with pytest.raises(InputError, match="none does"):
        solve(two_arms(), shots=1)


def test_too_few_train_images_are_said() -> None:
    assert any("fewer than 20 train samples" in words for words in solve(learners(), shots=20).warnings)


def test_features_are_joined_so_that_cosines_are_weighted_means() -> None:
    """The prototype of joined vectors, by hand."""
    arrays = learners(noise=2.0)
    other = learning_arm("other", learners(seed=5, noise=2.0).arms[0].vectors["base"])
    arrays = replace(arrays, arms=(arrays.arms[0], other))
    found = solve(arrays, method="features", weights="1,3")
    a, b = (arm.vectors["base"].astype(float) for arm in arrays.arms)
    joined = np.concatenate([np.sqrt(0.25) * a, np.sqrt(0.75) * b], axis=1)
    np.testing.assert_allclose(joined @ joined.T, 0.25 * (a @ a.T) + 0.75 * (b @ b.T), atol=1e-12)
    train, test = arrays.draws[0].train, arrays.draws[0].test
    centres = np.array([joined[train][truth_of(arrays)[train] == code].mean(axis=0) for code in range(6)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    np.testing.assert_array_equal(found.answers[0][0].probs.argmax(axis=1), (joined[test] @ centres.T).argmax(axis=1))
    assert set(found.arms) == {"few", "other"}


def test_the_weight_of_features_is_chosen_on_val_and_beats_the_worst() -> None:
    arrays = learners(noise=2.0)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(truth_of(arrays)), 12))
    useless = learning_arm("useless", (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32))
    arrays = replace(arrays, arms=(useless, arrays.arms[0]))
    found = solve(arrays, method="features", alphas="0,0.5,1", shots="2,8")
    assert found.chosen is not None
    setting = found.chosen.settings[0]
    assert float(setting["alpha"] or 0) > 0.5
    assert setting["shots"] == 8
    assert {point.role for point in points(arrays, found)} == {"val", "test"}
    with pytest.raises(InputError, match="learns from train samples and there are none"):
        solve(without(arrays, "train"), method="features")


def test_features_of_three_arms() -> None:
    arrays = learners()
    arms = (*arrays.arms, learning_arm("third", arrays.arms[0].vectors["base"], "linear"))
    arrays = replace(arrays, arms=arms)
    found = solve(arrays, method="features", alphas="0,0.5,1", feature_scorer="linear")
    assert found.chosen is not None
    assert {"alpha few", "alpha resnet", "alpha third", "c"} <= set(found.chosen.settings[0])
    assert len([point for point in points(arrays, found) if point.arm is None]) == 6


def test_candidates_of_an_arm_are_swept_per_number_of_shots() -> None:
    arrays = learners()
    options = load_scorer("knn").config_type.read({"k": "1,3"}, "-o")
    arm = replace(learning_arm("near", arrays.arms[0].vectors["base"], "knn"), options=options)
    arrays = replace(arrays, arms=(arm, arrays.arms[1]))
    found = solve(arrays, shots="2,5", sampling="first")
    own = [point.settings for point in points(arrays, found) if point.arm == "near"]
    assert {(setting["k"], setting["shots"]) for setting in own} == {(k, s) for k in (1, 3) for s in (2, 5)}


def noise_arm(arrays: ClassArrays, strength: float = 0) -> ClassArrays:
    """The same with a second arm that knows as much as said."""
    rng = np.random.default_rng(1)
    other = given_arm("resnet", signals(truth_of(arrays), len(arrays.classes), strength, rng))
    return replace(arrays, arms=(arrays.arms[0], other))


def softened(arrays: ClassArrays) -> ClassArrays:
    """The same with prototypes that are less sure."""
    soft = load_scorer("prototype").config_type.read({"class_temperature": 0.2}, "-o")
    arms = [replace(arm, options=soft) if arm.scorer.name == "prototype" else arm for arm in arrays.arms]
    return replace(arrays, arms=tuple(arms))


def val_figures(arrays: ClassArrays, found: Solution) -> dict[Any, float]:
    """Top-1 on val of every number of shots."""
    shown = points(arrays, found)
    return {p.settings["shots"]: p.metrics["top_1"] for p in shown if p.role == "val" and p.arm is None}


def test_shots_of_a_stacker_are_chosen_out_of_fold() -> None:
    """A nearly free stacker is right of all rows it was fitted on, whatever the shots, so that the fewest would do."""
    arrays = softened(noise_arm(learners(noise=0.6), 1.5))
    draw = arrays.draws[0]
    arrays = replace(arrays, draws=(replace(draw, val=draw.val[:24]),))
    found = solve(arrays, method="stacker", shots="1,12", seeds=2, stacker_c=1e4)
    assert found.chosen is not None
    assert found.chosen.settings[0]["shots"] == 12
    figures = val_figures(arrays, found)
    assert figures[1] < figures[12]


@pytest.mark.parametrize(
    "options", [{"method": "stacker", "stacker_c": "1,100"}, {"method": "per_class", "shrinkage": 0}]
)
def test_val_does_not_flatter_what_is_fitted_there(options: dict[str, Any]) -> None:
    """Arms that know nothing of 20 classes are no better than 0.05 but on the rows that weights were fitted on."""
    arrays = softened(noise_arm(learners(noise=20, classes=20)))
    figures = val_figures(arrays, solve(arrays, shots="1,4", seeds=3, **options))
    assert set(figures) == {1, 4}
    assert max(figures.values()) < 0.075


@pytest.mark.parametrize("method", ["stacker", "per_class"])
def test_a_class_alone_in_val_hinders_no_choice_of_shots(method: str) -> None:
    arrays = learners()
    labels = truth_of(arrays).copy()
    val = arrays.draws[0].val
    labels[val] = 0
    labels[val[0]] = 1
    found = solve(with_truth(arrays, labels), method=method, shots="1,4", seeds=1)
    assert found.chosen is not None
    assert found.chosen.settings[0]["shots"] in {1, 4}


def sure_arrays() -> ClassArrays:
    """Arms that are right of everything."""
    arrays = learners(noise=0.01)
    return noise_arm(arrays, 30)


@pytest.mark.parametrize("method", ["alpha", "stacker", "features"])
def test_temperatures_at_the_end_of_the_range_are_said_of_every_arm(method: str) -> None:
    found = solve(sure_arrays(), method=method, calibrate=True)
    named = {words.split()[4] for words in found.warnings if words.startswith("The temperature of arm")}
    assert named == {"few", "resnet"} | ({"features"} if method == "features" else set())


@pytest.mark.parametrize("method", ["alpha", "features"])
def test_classes_that_are_never_learnt_are_said(method: str) -> None:
    arrays = learners()
    train = arrays.draws[0].train
    draw = replace(arrays.draws[0], train=train[truth_of(arrays)[train] != 2])
    lacking = replace(arrays, draws=(draw,))
    said = "1 of 6 classes have no train sample, so that nothing is learnt of them."
    assert solve(lacking, method=method).warnings.count(said) == 1
    assert said not in solve(arrays, method=method).warnings
    with_shots = solve(lacking, method=method, shots=2).warnings
    assert said not in with_shots
    assert any("1 of 6 classes have no train sample, so" in words for words in with_shots)
    unlearnt = two_arms()
    assert not any("train sample" in words for words in solve(unlearnt).warnings)


def test_shortages_are_those_of_the_worst_draw() -> None:
    arrays = learners()
    train = arrays.draws[0].train
    draws = arrays.draws[0], replace(arrays.draws[0], train=train[truth_of(arrays)[train] != 2])
    found = solve(replace(arrays, draws=draws), shots=2)
    assert any("1 of 6 classes have no train sample, so" in words for words in found.warnings)


def test_the_temperature_of_joined_features_is_recorded_and_applied() -> None:
    arrays = softened(arrays_with_two_learners(learners(noise=2.0)))
    plain, found = (solve(arrays, method="features", weights="1,1", calibrate=asked) for asked in (False, True))
    assert plain.chosen is not None
    assert found.chosen is not None
    assert "temperature" not in plain.chosen.settings[0]
    temperature = float(found.chosen.settings[0]["temperature"] or 0)
    logits = np.log(plain.answers[0][0].probs.astype(np.float64)) / temperature
    np.testing.assert_allclose(found.answers[0][0].probs, softmax(logits), atol=1e-5)
    assert temperature != pytest.approx(1, abs=0.01)


def arrays_with_two_learners(arrays: ClassArrays) -> ClassArrays:
    other = learning_arm("other", learners(seed=5, noise=2.0).arms[0].vectors["base"])
    return replace(arrays, arms=(arrays.arms[0], other))


def test_the_temperature_of_features_is_a_mean_over_seeds() -> None:
    arrays = arrays_with_two_learners(learners(noise=2.0))
    three, one = (
        solve(arrays, method="features", weights="1,1", calibrate=True, shots=3, seeds=seeds).chosen for seeds in (3, 1)
    )
    assert three is not None
    assert one is not None
    assert three.settings[0]["temperature"] != one.settings[0]["temperature"]
    assert three.criterion is None
