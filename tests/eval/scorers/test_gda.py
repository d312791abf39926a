from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.registry import load_scorer
from eval.scorers.gda import SCORER, GdaOptions, fit_gaussians, has_spread
from eval.scorers.prompts import PromptOptions
from tests.support.class_banks import directions, ragged
from tests.support.learning_tasks import answers, some_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64


def slow_logits(queries: Float32, train: Float32, labels: Int64, classes: int) -> NDArray[np.float64]:
    """The paper's formulas one by one, with a pseudo-inverse."""
    n, d = train.shape
    means = {c: train[labels == c].astype(float).mean(axis=0) for c in range(classes) if (labels == c).any()}
    centred = np.array([vector - means[label] for vector, label in zip(train.astype(float), labels, strict=True)])
    covariance = sum(np.outer(row, row) for row in centred) / (n - 1)
    precision = d * np.linalg.pinv((n - 1) * covariance + np.trace(covariance) * np.eye(d))
    logits = np.full((len(queries), classes), -np.inf)
    for c, mean in means.items():
        logits[:, c] = queries @ precision @ mean - mean @ precision @ mean / 2
    return logits


def test_it_is_in_the_table() -> None:
    assert load_scorer("gda") is SCORER


@given(st.integers(0, 10_000), st.integers(7, 40))
def test_the_classifier_is_that_of_the_paper(seed: int, train: int) -> None:
    task = some_task(seed, classes=5, train=train)
    ((_, logits),) = answers("gda", task, GdaOptions())
    slow = slow_logits(task.queries, task.train, task.labels, 5)
    np.testing.assert_allclose(logits, slow, rtol=1e-3, atol=1e-3 * np.abs(slow[np.isfinite(slow)]).max())


@given(st.integers(0, 10_000))
def test_it_is_added_to_zero_shot_scores(seed: int) -> None:
    task = some_task(seed, train=30)
    bank = ragged(np.random.default_rng(seed), 6, task.classes)
    ((_, zero_shot),) = answers("prompts", task, PromptOptions(), bank, logit_scale=30)
    ((_, alone),) = answers("gda", task, GdaOptions())
    for setting, logits in answers("gda", task, GdaOptions(a=(0, 0.5)), bank, logit_scale=30):
        learnt = np.isfinite(alone[0])
        both = zero_shot[:, learnt] + float(setting["a"] or 0) * alone[:, learnt]
        np.testing.assert_allclose(logits[:, learnt], both, rtol=1e-4, atol=1e-4)
        assert np.isneginf(logits[:, ~learnt]).all()


def test_one_sample_of_each_class_has_no_spread_and_the_nearest_mean_wins() -> None:
    rng = np.random.default_rng(0)
    train, queries = directions(rng, 6), directions(rng, 40)
    model = fit_gaussians(train, np.arange(6), 6)
    assert not has_spread(np.arange(6), train)
    best = (queries @ model.weights.T + model.bias).argmax(axis=1)
    np.testing.assert_array_equal(best, (queries @ train.T).argmax(axis=1))


@pytest.mark.parametrize(("labels", "spread"), [([0, 1, 2], False), ([0, 0, 1], True), ([0, 1, 1], False)])
def test_copies_have_no_spread(labels: list[int], *, spread: bool) -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 1, 1]]
    assert has_spread(np.array(labels), vectors) is spread


def test_it_uses_the_covariance() -> None:
    rng = np.random.default_rng(0)
    scale = np.array([5.0, 0.2])  # the first axis says nothing
    labels = np.arange(200) % 2
    train = (rng.standard_normal((200, 2)) * scale + labels[:, None] * [0, 1.0]).astype(np.float32)
    model = fit_gaussians(train, labels, 2)
    assert ((train @ model.weights.T + model.bias).argmax(axis=1) == labels).mean() > 0.95
