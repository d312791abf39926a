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
    everywhere = ["7"] * 40 + ["0007"] * 200
    with pytest.raises(InputError, match="'7' and gallery identity '0007' may be one in two spellings"):
        evaluate(problem._replace(identity=everywhere))
    with pytest.raises(InputError, match=r"'7' and gallery identity '7\.0' may be one in two spellings"):
        evaluate(problem._replace(identity=["7"] * 40 + ["7.0"] * 200))


def test_queries_without_a_positive_are_counted_and_named() -> None:
    problem = golden()
    lonely = problem._replace(identity=["nobody", None, *problem.identity[2:]])
    found = evaluate(lonely)
    assert (found.n["query"], found.n["query_without_positive"]) == (38, 2)
    assert "2 of 40 queries have no valid positive" in found.warnings[0]
