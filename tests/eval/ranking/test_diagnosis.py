"""What is said of queries that have no positive."""

from __future__ import annotations

import pytest

from retrieval.errors import InputError
from tests.support.ranking_problems import evaluate, golden


def test_identities_that_never_meet_are_shown() -> None:
    identity = ["007"] * 40 + ["7"] * 200
    with pytest.raises(InputError, match=r"query identities '007'; gallery identities '7'.*leading zeros"):
        evaluate(golden()._replace(identity=identity))


def test_lost_leading_zeros_are_named() -> None:
    problem = golden()
    known = [None, *problem.identity[1:40], "0012", *problem.identity[41:]]
    found = evaluate(problem._replace(identity=["12", *known[1:]], camera=[None] * 240), bootstrap=0)
    assert found.warnings == ()  # identity 12 itself is in the gallery
    found = evaluate(problem._replace(identity=["77", *known[1:40], "0077", *known[41:]]), bootstrap=0)
    assert "not in the gallery: identities '77'" in found.warnings[0]
    assert "Query identity '77' and gallery identity '0077' differ in leading zeros only" in found.warnings[1]
    everywhere = ["7"] * 40 + ["0007"] * 200
    with pytest.raises(InputError, match="'7' and gallery identity '0007' differ in leading zeros"):
        evaluate(problem._replace(identity=everywhere))


def test_queries_without_a_positive_are_counted_and_named() -> None:
    problem = golden()
    lonely = problem._replace(identity=["nobody", None, *problem.identity[2:]])
    found = evaluate(lonely)
    assert (found.n["query"], found.n["query_without_positive"]) == (38, 2)
    assert "2 of 40 queries have no valid positive" in found.warnings[0]
