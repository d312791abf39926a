"""Conditions with annotated and with predicted types, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from eval.classification.candidates import candidate_classes
from eval.classification.condition_options import ConditionalConfig
from eval.classification.figures import evaluation_of
from eval.classification.universe import LabelUniverse
from eval.modes.conditional import MODE, WRONG_TYPE
from eval.seams.classification import ClassArrays
from retrieval.errors import InputError
from tests.support.class_arrays import arrays_of, given_arm, with_test_truth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from eval.seams.classification import Answers, Solution

CLASSES = ("drain normal", "drain blocked", "toe normal", "toe blocked")
TRAIN = [0, 1, 2, 3]
TEST = [0, 1, 3, 2]
PROBABILITIES = [
    [0.30, 0.25, 0.40, 0.05],  # a drain by sum (.55), a normal toe by the largest class
    [0.10, 0.20, 0.30, 0.40],  # a blocked toe
    [0.10, 0.05, 0.35, 0.50],  # a blocked toe
    [0.35, 0.20, 0.24, 0.21],  # a normal drain
]


def arrays(types: Sequence[str] = ("drain", "drain", "toe", "toe") * 2) -> ClassArrays:
    """A train sample of each class, and four test samples with these probabilities; ``types`` are annotated."""
    labels = np.array([*TRAIN, *TEST])
    made = arrays_of([given_arm("classifier", np.log([*PROBABILITIES, *PROBABILITIES]))], labels, 4, (4, 0, 4))
    (draw,) = made.draws
    known = np.array(types, np.object_)
    draw = replace(draw, candidates=candidate_classes(known, draw.train, draw.labels, 4))
    return replace(made, classes=CLASSES, draws=(draw,))


def solved(given: ClassArrays, types: Literal["annotated", "predicted"]) -> Solution:
    config = ConditionalConfig(method=("classifier",), types=types, bootstrap=0)
    return MODE.solve(given, config, np.random.SeedSequence(0))


def answered(answers: Answers | None) -> list[int]:
    assert answers is not None
    return [int(row.argmax()) for row in answers[0][0].probs]


ANNOTATED = [0, 1, 3, 2]
PREDICTED = [0, 3, 3, 0]


def test_types_are_annotated_or_predicted_and_the_other_way_stands_beside() -> None:
    one, other = solved(arrays(), "annotated"), solved(arrays(), "predicted")
    assert answered(one.answers) == answered(other.other_types) == ANNOTATED
    assert answered(other.answers) == answered(one.other_types) == PREDICTED
    assert WRONG_TYPE in other.warnings
    assert WRONG_TYPE not in one.warnings
    np.testing.assert_allclose(other.answers[0][0].probs[0], [6 / 11, 5 / 11, 0, 0], rtol=1e-5)


def test_an_nll_of_wrong_types_is_not_laid_to_temperature() -> None:
    config = ConditionalConfig(method=("classifier",), types="predicted", bootstrap=0)
    solution = solved(arrays(), "predicted")
    result = evaluation_of(arrays(), LabelUniverse(CLASSES, "all"), solution, config, np.random.default_rng(0))
    assert result.metrics["nll"].value > np.log(4)
    assert [text for text in result.warnings if "NLL" in text] == [WRONG_TYPE]
    assert not solved(arrays(), "annotated").rules_out


def test_predicted_types_do_not_see_the_annotated_ones_of_test_samples() -> None:
    given = arrays()
    wrong = arrays(("drain", "drain", "toe", "toe", "toe", "toe", "drain", "drain"))
    assert answered(solved(wrong, "predicted").answers) == PREDICTED
    assert answered(solved(wrong, "annotated").answers) != ANNOTATED
    shuffled = with_test_truth(given, np.array([0, 1, 2, 3, 3, 2, 1, 0]))
    assert answered(solved(shuffled, "predicted").answers) == PREDICTED


def test_classes_that_do_not_say_their_type_predict_none() -> None:
    labels = np.array([0, 1, 0, 1, *TEST])
    (draw,) = arrays().draws
    mixed = replace(arrays(), draws=(replace(draw, labels=np.where(draw.labels < 0, -1, labels)),))
    assert solved(mixed, "annotated").other_types is None
    with pytest.raises(InputError, match="class 'drain normal' have several values"):
        solved(mixed, "predicted")


def test_free_answers_need_no_type() -> None:
    config = ConditionalConfig(method=("classifier",), given=None, bootstrap=0)
    free = MODE.solve(replace(arrays(), draws=(replace(arrays().draws[0], candidates=None),)), config,
                      np.random.SeedSequence(0))  # fmt: skip
    assert answered(free.answers) == [2, 3, 3, 0]
    assert free.other_types is None
