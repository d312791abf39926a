from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from eval.registry import load_scorer
from eval.scorers.linear import SCORER, LinearOptions, fit_linear
from eval.seams.scorer import ScorerTask
from retrieval.errors import InputError
from tests.support.class_banks import arm_of, directions
from tests.support.learning_tasks import answers, learning_task, some_task

PLAIN = LinearOptions()


def clustered(seed: int, classes: int = 6, each: int = 12, d: int = 24) -> ScorerTask:
    """Directions around one common direction, as those of image encoders are, and around one of each class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    raw = 3 * rng.standard_normal(d) + rng.standard_normal((classes, d))[labels] + rng.standard_normal((len(labels), d))
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return learning_task(vectors[::3], vectors, labels, classes)


def test_it_is_in_the_table() -> None:
    assert load_scorer("linear") is SCORER
    assert (SCORER.learns, SCORER.needs_bank) == (True, False)


@pytest.mark.parametrize("c", [0.1, 10, 100])
@pytest.mark.parametrize("classes", [2, 6])
@pytest.mark.parametrize("balanced", [False, True])
def test_as_scikit_learn_on_the_vectors_as_they_are(c: float, classes: int, *, balanced: bool) -> None:
    task = clustered(1, classes)
    kept = np.r_[np.arange(5), np.arange(12, len(task.labels))]  # fewer of class 0
    task = learning_task(task.queries, task.train[kept], task.labels[kept], classes)
    weight = "balanced" if balanced else None
    model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000, class_weight=weight)
    expected = model.fit(task.train.astype(float), task.labels).predict_log_proba(task.queries.astype(float))
    ((setting, logits),) = answers("linear", task, LinearOptions(c=(c,), class_weight=weight or "none"))
    assert setting == {"c": c}
    np.testing.assert_allclose(log_softmax(logits.astype(float), axis=1), expected, atol=2e-2)


def test_the_fit_is_near_the_optimum_of_what_it_says() -> None:
    """The gap in the objective, written out, to a fit with a tolerance ten thousand times smaller."""
    task, c = clustered(2), 100.0
    exact = LogisticRegression(C=c, tol=1e-9, max_iter=100_000).fit(task.train.astype(float), task.labels)
    found = fit_linear(task.train, task.labels, c, PLAIN)

    def objective(weights: object, bias: object) -> float:
        logits = task.train.astype(float) @ np.asarray(weights, float).T + np.asarray(bias, float)
        nll = -log_softmax(logits, axis=1)[np.arange(len(logits)), task.labels]
        return float(c * nll.sum() + 0.5 * np.square(np.asarray(weights, float)).sum())

    best = objective(exact.coef_, exact.intercept_)
    assert best <= objective(found.weights, found.bias) <= 1.00002 * best


def test_columns_stand_at_their_classes_and_absent_ones_cannot_be_answered() -> None:
    task = clustered(3, 3)
    codes = np.array([5, 0, 3])
    ((_, logits),) = answers("linear", learning_task(task.queries, task.train, codes[task.labels], 7), PLAIN)
    ((_, plain),) = answers("linear", task, PLAIN)
    assert (logits[:, [1, 2, 4, 6]] == -np.inf).all()
    np.testing.assert_allclose(
        log_softmax(logits[:, codes].astype(float), axis=1), log_softmax(plain.astype(float), axis=1), atol=2e-2
    )
    truth = codes[task.labels[::3]]
    assert np.mean(logits.argmax(axis=1) == truth) > 0.9


@pytest.mark.parametrize("n", [1, 4])
def test_of_one_class_the_answer_is_that_class(n: int) -> None:
    v = directions(np.random.default_rng(0), 4)
    ((_, logits),) = answers("linear", learning_task(v, v[:n], [1] * n, 3), PLAIN)
    assert (logits == [-np.inf, 0, -np.inf]).all()


def test_settings_are_fitted_each_by_itself() -> None:
    task = clustered(4)
    options = LinearOptions.read({"c": "100,1"}, "-o")
    assert [*SCORER.settings(arm_of("linear", options))] == [{"c": 100}, {"c": 1}]
    for setting, logits in answers("linear", task, options):
        alone = answers("linear", task, LinearOptions.read(dict(setting), "-o"))
        np.testing.assert_array_equal(alone[0][1], logits)


def test_a_fit_that_has_not_converged_is_silent() -> None:
    task = clustered(5)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ((_, early),) = answers("linear", task, LinearOptions(max_iter=1))
    assert not said
    assert not np.allclose(early, answers("linear", task, PLAIN)[0][1], atol=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 12))
def test_whatever_there_is_can_be_scored(seed: int, classes: int, train: int) -> None:
    task = some_task(seed, classes, train)
    ((_, logits),) = answers("linear", task, PLAIN)
    there = np.bincount(task.labels, minlength=classes) > 0
    assert (np.isfinite(logits) == there).all()


def test_one_vector_in_two_classes_is_undecided() -> None:
    v = directions(np.random.default_rng(0), 1)
    task = learning_task(v, np.repeat(v, 6, axis=0), [0, 1] * 3, 2)
    ((_, logits),) = answers("linear", task, PLAIN)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], 0, atol=1e-3)


def test_the_order_of_train_samples_does_not_matter() -> None:
    task = clustered(6)
    order = np.random.default_rng(0).permutation(len(task.train))
    shuffled = learning_task(task.queries, task.train[order], task.labels[order], task.classes)
    ((_, plain),), ((_, other),) = answers("linear", task, PLAIN), answers("linear", shuffled, PLAIN)
    np.testing.assert_allclose(
        log_softmax(plain.astype(float), axis=1), log_softmax(other.astype(float), axis=1), atol=2e-2
    )


def test_nothing_to_learn_from_is_said() -> None:
    v = directions(np.random.default_rng(0), 3)
    with pytest.raises(InputError, match="give a train split"):
        answers("linear", learning_task(v, v[:0], [], 3), PLAIN)
