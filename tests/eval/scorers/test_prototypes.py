from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid

from eval.registry import load_scorer
from eval.scorers import prototypes
from eval.scorers.prototypes import SCORER, PrototypeOptions, class_means, mean_logits
from retrieval.errors import InputError
from retrieval.types import Float32, Int64
from tests.support.class_banks import directions
from tests.support.learning_tasks import answers, learning_task, some_task
from tests.support.shared_data import SHARED, needs_shared

PLAIN = PrototypeOptions()


def slow_means(vectors: Float32, labels: Int64, classes: int) -> list[list[float] | None]:
    means: list[list[float] | None] = []
    for code in range(classes):
        mine = [vectors[row].astype(float) for row in range(len(labels)) if labels[row] == code]
        total = sum(mine, np.zeros(vectors.shape[1]))
        length = float(np.sqrt((total**2).sum()))
        means.append([float(x) for x in total / length] if mine and length > 1e-6 * len(mine) else None)
    return means


def test_it_is_in_the_table() -> None:
    assert load_scorer("prototype") is SCORER
    assert (SCORER.learns, SCORER.needs_bank) == (True, False)


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 8), st.integers(1, 9))
def test_means_are_those_of_a_slow_loop(seed: int, n: int, classes: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, labels = directions(rng, n), rng.integers(0, classes, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prototypes, "CHUNK_ROWS", chunk)
        found = class_means(vectors, labels, classes)
    assert found.shape == (classes, 6)
    assert found.dtype == np.float32
    for mean, expected in zip(found, slow_means(vectors, labels, classes), strict=True):
        if expected is None:
            assert np.isnan(mean).all()
        else:
            np.testing.assert_allclose(mean, expected, atol=1e-6)


@given(st.integers(0, 10_000))
def test_the_order_of_train_samples_does_not_matter(seed: int) -> None:
    task = some_task(seed)
    order = np.random.default_rng(seed).permutation(len(task.train))
    shuffled = class_means(task.train[order], task.labels[order], task.classes)
    np.testing.assert_allclose(class_means(task.train, task.labels, task.classes), shuffled, atol=1e-6)


@pytest.mark.parametrize("around", [2, 3, 7])
def test_vectors_that_cancel_have_no_mean(around: int) -> None:
    """What rounding leaves of a circle is not magnified to a direction."""
    angles = 0.3 + 2 * np.pi * np.arange(around) / around
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    means = class_means(np.concatenate([circle, circle[:1]]), np.array([0] * around + [1]), 2)
    assert np.isnan(means[0]).all()
    np.testing.assert_allclose(means[1], circle[0], atol=1e-7)


def test_logits_are_cosines_over_temperature_and_absent_classes_cannot_be_answered() -> None:
    task = learning_task(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[0, 0, 2]], [0, 0, 3], 4)
    ((setting, logits),) = answers("prototype", task, PLAIN)
    assert setting == {}
    gone = -np.inf
    np.testing.assert_allclose(logits, [[100, gone, gone, 0], [0, gone, gone, 0], [0, gone, gone, 100]], atol=1e-4)
    ((_, mild),) = answers("prototype", task, PrototypeOptions(class_temperature=2))
    assert mild[0, 0] == pytest.approx(0.5)


def test_as_scikit_learn_where_class_means_are_equally_long() -> None:
    """NearestCentroid does not normalise: on two samples of a class at one angle the two agree."""
    rng = np.random.default_rng(3)
    centres, lean = directions(rng, 8, 12), 0.2
    aside = directions(rng, 8, 12)
    aside -= centres * np.einsum("ij,ij->i", centres, aside)[:, None]
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    train = np.concatenate([centres + lean * aside, centres - lean * aside]) / np.float32(np.sqrt(1 + lean**2))
    labels, queries = np.tile(np.arange(8), 2), directions(rng, 200, 12)
    ((_, logits),) = answers("prototype", learning_task(queries, train.astype(np.float32), labels, 8), PLAIN)
    expected = NearestCentroid().fit(train, labels).predict(queries)
    assert (logits.argmax(axis=1) == expected).all()


def test_classes_with_equal_prototypes_tie() -> None:
    rng = np.random.default_rng(0)
    means = directions(rng, 203, 512)
    means[[7, 101, 202]] = means[7]
    logits = mean_logits(directions(rng, 5, 512), means, 100)
    assert (np.ptp(logits[:, [7, 101, 202]], axis=1) == 0).all()


@pytest.mark.parametrize("labels", [[], [0, 0]])
def test_nothing_to_learn_from_is_said(labels: list[int]) -> None:
    v = directions(np.random.default_rng(0), 1)
    task = learning_task(v, np.concatenate([v, -v])[: len(labels)], labels, 2)
    with pytest.raises(InputError, match="No class has a prototype"):
        answers("prototype", task, PLAIN)


@needs_shared
def test_real_captions_as_train_samples_of_their_image() -> None:
    """The mean of an image's five captions finds it among a hundred, as prompts pooled by their mean do."""
    data = np.load(SHARED / "vectors" / "clip_vitb32_flickr8k_100x5.npz", allow_pickle=False)
    images, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (data["image"], data["text"]))
    task = learning_task(images.astype(np.float32), texts.astype(np.float32), data["text_image_index"], 100)
    ((_, logits),) = answers("prototype", task, PLAIN)
    assert np.mean(logits.argmax(axis=1) == np.arange(100)) == pytest.approx(0.93, abs=0.011)
