from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.classification.candidates import (
    candidate_classes,
    class_types,
    predicted_types,
    restricted_logits,
    restricted_probs,
)
from eval.metrics.probabilities import softmax
from eval.seams.classification import Candidates, ClassDraw
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSES = 4
Samples = st.lists(
    st.tuples(st.sampled_from([None, "pen", "ink", "ash"]), st.integers(-1, CLASSES - 1), st.booleans()),
    min_size=1,
    max_size=14,
)
"""Known value, class and whether it is a train sample."""


def slow_classes(samples: Sequence[tuple[str | None, int, bool]]) -> list[list[bool]]:
    """Sample by sample: which classes have the train samples of the same value?"""
    found = []
    for value, _, _ in samples:
        seen = {label for other, label, train in samples if train and label >= 0 and other == value}
        anything = value is None or not seen
        found.append([anything or code in seen for code in range(CLASSES)])
    return found


def of_samples(samples: Sequence[tuple[str | None, int, bool]]) -> Candidates:
    known = np.array([value for value, _, _ in samples], dtype=np.object_)
    train = np.flatnonzero([train for _, _, train in samples])
    return candidate_classes(known, train, np.array([label for _, label, _ in samples]), CLASSES)


@given(Samples)
def test_equals_a_slow_loop(samples: list[tuple[str | None, int, bool]]) -> None:
    found = of_samples(samples).of(np.arange(len(samples)))
    assert found.tolist() == slow_classes(samples)
    assert found.any(axis=1).all()


@given(Samples, st.integers(0, 100))
def test_labels_of_other_samples_say_nothing(samples: list[tuple[str | None, int, bool]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    other = [(value, label if train else int(rng.integers(CLASSES)), train) for value, label, train in samples]
    rows = np.arange(len(samples))
    np.testing.assert_array_equal(of_samples(samples).of(rows), of_samples(other).of(rows))


def draw_of(allowed: list[list[int]]) -> ClassDraw:
    """A draw in which each row may have these classes."""
    table = np.array([[code in row for code in range(CLASSES)] for row in allowed])
    rows = np.arange(len(allowed))
    return ClassDraw(rows[:0], rows[:0], rows, np.full(len(rows), -1), Candidates(rows, table))


def test_what_is_not_possible_is_not_answered() -> None:
    draw = draw_of([[0, 1], [2], [0, 1, 2, 3], [3]])
    logits = np.log(np.array([[1, 2, 9, 1], [5, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]], np.float32).clip(1e-30))
    logits[logits < -60] = -np.inf
    rows = np.arange(4)
    found = softmax(restricted_logits(logits, draw, rows))
    want = np.array([[1 / 3, 2 / 3, 0, 0], [0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(found[:3], want, rtol=1e-6)
    np.testing.assert_array_equal(found[3], softmax(logits)[3], "nothing that is possible can be answered")
    np.testing.assert_allclose(restricted_probs(softmax(logits), draw, rows), found, rtol=1e-6)
    few = np.array([1, 3])
    np.testing.assert_array_equal(restricted_logits(logits[few], draw, few), restricted_logits(logits, draw, rows)[few])


def test_without_candidates_everything_stays_as_it_is() -> None:
    rows = np.arange(2)
    draw = ClassDraw(rows[:0], rows[:0], rows, rows - 1)
    logits = np.ones((2, CLASSES), np.float32)
    assert restricted_logits(logits, draw, np.arange(2)) is logits
    assert restricted_probs(logits, draw, np.arange(2)) is logits


def test_the_predicted_type_is_that_of_the_largest_sum() -> None:
    """Normal and blocked drain are .6 together, more than a normal toe at .4; at equal sums the first type."""
    types = np.array([0, 0, 1, -1])
    probs = np.array([[0.3, 0.3, 0.4, 0], [0.1, 0.2, 0.4, 0.3], [0.25, 0.25, 0.5, 0], [0, 0, 0, 1]], np.float32)
    assert predicted_types(probs, types).tolist() == [0, 1, 0, 0]


def test_conditions_of_the_predicted_type_alone_are_answered() -> None:
    rows = np.arange(2)
    draw = ClassDraw(rows[:0], rows[:0], rows, rows - 1, types=np.array([0, 0, 1, -1]))
    probs = np.array([[0.2, 0.35, 0.4, 0.05], [0.1, 0.1, 0.6, 0.2]], np.float32)
    restricted = softmax(restricted_logits(np.log(probs), draw, rows))
    np.testing.assert_allclose(restricted, np.array([[4 / 11, 7 / 11, 0, 0], [0, 0, 1, 0]]), rtol=1e-6)
    np.testing.assert_allclose(restricted_probs(probs, draw, rows), restricted, rtol=1e-6)


def test_types_of_classes_are_those_of_their_train_samples() -> None:
    values = np.array(["drain", "drain", "toe", None, "vegetation"], np.object_)
    labels = np.array([0, 1, 2, 3, -1])
    draw = ClassDraw(np.arange(4), np.arange(0), np.arange(4, 5), labels)
    draw = replace(draw, candidates=candidate_classes(values, draw.train, labels, CLASSES))
    assert class_types(draw, "abcd").tolist() == [0, 0, 1, -1]
    mixed = replace(draw, labels=np.array([0, 1, 0, 3, -1]))
    with pytest.raises(InputError, match="Train samples of class 'a' have several values of the column `given`"):
        class_types(mixed, "abcd")
