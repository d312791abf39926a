import numpy as np
import pytest

from eval.scorers.situated import NEIGHBOURS, PLAIN, SPATIAL, SituatedOptions
from eval.seams.scorer import Arm, SituatedTexts
from retrieval.errors import InputError
from tests.support.class_banks import bank_of, directions, task_of


def test_a_class_is_scored_with_its_text_in_the_situation_of_the_query() -> None:
    rng = np.random.default_rng(0)
    texts, queries = directions(rng, 5), directions(rng, 3)
    situated = SituatedTexts(np.array([1, 0, 1, 0]), np.array([[0, 1], [2, -1]]))
    arm = Arm("a", SPATIAL, {}, SituatedOptions(), (bank_of(texts, [(0, 0)]),), logit_scale=10.0, situated=situated)
    from dataclasses import replace

    task = replace(task_of(queries, 2), rows=np.array([0, 1, 3]))
    (logits,) = SPATIAL.logits(arm, task, SPATIAL.settings(arm))
    expected = [
        [10 * queries[0] @ texts[2], -np.inf],
        [10 * queries[1] @ texts[0], 10 * queries[1] @ texts[1]],
        [10 * queries[2] @ texts[0], 10 * queries[2] @ texts[1]],
    ]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    with pytest.raises(InputError, match="samples of a store only"):
        list(SPATIAL.logits(arm, task_of(queries, 2), SPATIAL.settings(arm)))


def test_names() -> None:
    assert (PLAIN.name, SPATIAL.name, NEIGHBOURS.name) == ("plain", "spatial", "neighbours")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{object}", "needs {condition}"),
        ("{condition} {hue}", "no field {hue}"),
        ("{condition", "cannot be read"),
    ],
)
def test_a_template_without_the_condition_or_with_another_field_is_refused(template: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        SituatedOptions.read({"template": template}, "options")
