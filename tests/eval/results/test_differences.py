"""Differences between the numbers of two results."""

from __future__ import annotations

from eval.api import evaluate
from eval.results.differences import number_differences, sections_of
from tests.support.identity_stores import memory_store, people


def test_numbers_are_equal_to_a_millionth_and_names_do_not_count() -> None:
    result = evaluate(memory_store(people(6, 3)), "reid", options={"draws": 2, "bootstrap": 10})
    rank_1 = result.metrics["rank_1"]
    near = {**result.metrics, "rank_1": rank_1.model_copy(update={"value": rank_1.value + 5e-7})}
    same = result.model_copy(update={"metrics": near, "warnings": ("other",), "created": "now"})
    assert number_differences(result, same) == []
    far = {**result.metrics, "rank_1": rank_1.model_copy(update={"value": rank_1.value + 2e-6})}
    other = result.model_copy(update={"metrics": far, "n": {**result.n, "query": 1}, "cmc": None})
    found = number_differences(result, other)
    assert [difference.place for difference in found] == ["metrics.rank_1.value", "n.query", "cmc"]
    assert sections_of(found) == {"metrics": 1, "n": 1, "cmc": 1}
