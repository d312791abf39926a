from __future__ import annotations

import numpy as np
import pytest

from eval.classification.choosing import choosing_rule
from eval.classification.examiner import TruthExaminer
from eval.classification.text_queries import text_to_image
from eval.seams.classification import Answer, ClassConfig, Sealed, on_val
from retrieval.errors import TestDataError
from tests.support.class_banks import bank_of, directions

TRUTH = np.array([-1, 0, 1, 2, 1, 0])
ROWS = np.array([1, 2, 4, 5])
LOGITS = np.log(np.random.default_rng(0).dirichlet(np.ones(3), 4)).astype(np.float32)


def test_metrics_are_of_the_true_labels_and_sealed() -> None:
    sealed = TruthExaminer(TRUTH).metrics(ROWS, LOGITS, choosing_rule(ClassConfig()))
    with pytest.raises(TestDataError):
        on_val(sealed)
    assert sealed.open()["top_1"] == pytest.approx((LOGITS.argmax(axis=1) == TRUTH[ROWS]).mean())


def test_tables_count_classes_or_groups() -> None:
    groups = np.array([7, 7, 7, 8, 9, 9])
    answer = Answer(ROWS, np.exp(LOGITS), LOGITS)
    for examiner, by, units in (
        (TruthExaminer(TRUTH, groups), "group", groups[ROWS]),
        (TruthExaminer(TRUTH, groups), "class", ROWS),
        (TruthExaminer(TRUTH), "group", ROWS),
    ):
        table = examiner.table(answer, "group" if by == "group" else "class").open()
        np.testing.assert_array_equal(table.labels, TRUTH[ROWS])
        assert len(np.unique(table.units)) == len(np.unique(units))


def test_recalls_are_of_the_rows_searched() -> None:
    rng = np.random.default_rng(0)
    vectors, bank = directions(rng, 4), bank_of(directions(rng, 3), [(code, code) for code in range(3)])
    sealed = TruthExaminer(TRUTH).recalls(ROWS, vectors, bank, (1, 2))
    assert isinstance(sealed, Sealed)
    assert sealed.open() == text_to_image(vectors, TRUTH[ROWS], bank, (1, 2))
