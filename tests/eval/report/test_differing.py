"""What tells the results of one table apart."""

from __future__ import annotations

from typing import Any

import pytest

from eval.report.differing import option_words
from eval.results.schema import ArmResult, Choice, EvalResult
from tests.support.drawn_results import fewshot, fusion, knn, reid, zeroshot


def learned(method: str, shots: int, others: tuple[str, ...] = (), **config: Any) -> EvalResult:
    names = (method, *others)
    return fewshot(
        chosen=Choice(settings=({"method": method, "shots": shots},)),
        arms={name: ArmResult(space="clip@1", scorer=name) for name in names},
        config={"method": list(names), "shots": [1, shots], "scorer_options": {"tip": {"alpha": 1.0}}, **config},
    )


def test_definitions_of_metrics_are_told() -> None:
    step, trapezoid = reid(), reid(config={"ap_method": "trapezoid", "aspect": "dorsal right", "ranks": [1]})
    assert option_words([step, trapezoid]) == ["ap_method=step", "ap_method=trapezoid"]
    assert option_words([step, step]) == ["", ""]


def test_few_shots_name_the_method_and_the_shots_of_their_metrics() -> None:
    results = [learned("gda", 2, ("tip",)), learned("clap", 4), zeroshot()]
    assert option_words(results) == ["method=gda, shots=2", "method=clap, shots=4", ""]
    assert option_words(results[:1]) == ["method=gda, shots=2"]


def test_options_of_scorers_banks_and_seeds() -> None:
    fives = [learned("tip", 5), learned("tip", 5, scorer_options={"tip": {"alpha": 2.5}})]
    assert [words.rpartition(", ")[2] for words in option_words(fives)] == ["tip.alpha=1", "tip.alpha=2.5"]
    banks = [
        zeroshot(arms={"zeroshot": ArmResult(space="clip@1", scorer="prompts", bank="plain", bank_sha256=digit * 64)})
        for digit in "ab"
    ]
    assert option_words([*banks, knn()]) == ["bank=plain (aaaaaaaa)", "bank=plain (bbbbbbbb)", ""]
    reseeded = knn(provenance=knn().provenance.model_copy(update={"seed": 7}))
    assert option_words([knn(), reseeded]) == ["seed=0", "seed=7"]
    arms = {name: ArmResult(space="clip@1", scorer=name) for name in ("knn", "prototype")}
    first, second = option_words([fusion(), fusion(arms=arms)])
    assert first.startswith("arms=clip:prompts:delta_prompts (")
    assert second == "arms=knn:knn + prototype:prototype"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "none"), (True, "true"), ([1, 5], "1,5"), (0.1 + 0.2, "0.3"), ([], "none"), ("x > 1", "x > 1")],
)
def test_values_are_written_as_they_are_given(value: object, words: str) -> None:
    assert option_words([knn(config={"option": value}), knn(config={"option": "other"})])[0] == f"option={words}"


def test_a_mapping_is_written_by_its_hash() -> None:
    (words, _) = option_words([knn(config={"class_alphas": {"a": w}}) for w in (0.1, 0.2)])
    assert words.startswith("class_alphas=1 values (")
