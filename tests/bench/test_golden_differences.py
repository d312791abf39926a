"""The comparison of golden numbers misses nothing that must stay, and lets pass what its tables say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.golden.case import TOLERANCE
from tests.bench.golden.differences import Comparer, is_failure

RESULT = {
    "schema_version": 1,
    "protocol": "custom, from clipfh-11k",
    "metrics": {"map": {"value": 0.5, "ci95": [0.4, 0.6]}},
    "draws": [{"map": 0.5}, {"map": 0.25}],
    "n": {"queries": 10},
    "warnings": ["A sentence."],
    "provenance": {"split_sha256": "abc", "store_version": 3},
    "created": "2026-01-01T00:00:00Z",
}


def recorded(**changes: Any) -> dict[str, Any]:
    case = {"name": "a", "argv": [], "exit": 0, "said": [], "tolerance": TOLERANCE, "expected_exit": 0, "files": []}
    return {**case, "printed": {**RESULT, **changes}}


def kinds(new: dict[str, Any], *, ids_changed: bool = False) -> dict[str, str]:
    return {each.path: each.kind for each in Comparer(ids_changed).differences(recorded(), new)}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"metrics": {"map": {"value": 0.5 + 1e-8, "ci95": [0.4, 0.6]}}}, "printed.metrics.map.value"),
        ({"metrics": {"map": {"value": 0.5, "ci95": [0.4]}}}, "printed.metrics.map.ci95"),
        ({"metrics": {"map": {"value": 0.5, "ci95": None}}}, "printed.metrics.map.ci95"),
        ({"metrics": {}}, "printed.metrics.map"),
        ({"draws": [{"map": 0.5}]}, "printed.draws"),
        ({"n": {"queries": 10.0}}, "printed.n.queries"),
        ({"n": {"queries": 11}}, "printed.n.queries"),
        ({"warnings": []}, "printed.warnings"),
        ({"protocol": "clipfh-11k"}, "printed.departs"),
        ({"protocol": "custom", "departs_from": "clipfh-4k"}, "printed.protocol"),
        ({"provenance": {"split_sha256": "abd", "store_version": 3}}, "printed.provenance.split_sha256"),
    ],
)
def test_what_is_lost_or_changed_fails(changes: dict[str, Any], path: str) -> None:
    found = [each for each in Comparer().differences(recorded(), recorded(**changes)) if is_failure(each)]
    assert path in {each.path for each in found}


def test_another_exit_status_fails() -> None:
    new = {**recorded(), "exit": 1, "printed": [], "said": ["Error: no."]}
    (found,) = Comparer().differences(recorded(), new)
    assert is_failure(found)
    assert "Error: no." in str(found.new)


def test_equal_but_for_times_and_versions() -> None:
    near = {"map": {"value": 0.5 + 1e-12, "ci95": [0.4, 0.6]}}
    new = recorded(created="later", metrics=near, provenance={"split_sha256": "abc", "store_version": 9})
    comparer = Comparer()
    assert not list(comparer.differences(recorded(), new))
    assert 0 < comparer.largest < 1e-11
    assert comparer.values > 5


def test_schema_two_is_no_failure() -> None:
    custom = {"protocol": "custom", "departs_from": "clipfh-11k"}
    new = recorded(**custom, schema_version=2, task="ranking", request={"seed": 0})
    assert kinds(new) == {
        "printed.schema_version": "expected",
        "printed.departs_from": "added",
        "printed.task": "added",
        "printed.request": "added",
    }


def test_words_and_on_demand_ids_are_reported_apart() -> None:
    new = recorded(warnings=["Another."], provenance={"split_sha256": "abd", "store_version": 3})
    assert kinds(new, ids_changed=True) == {
        "printed.warnings[0]": "wording",
        "printed.provenance.split_sha256": "ids",
    }
