"""The camera rule and the identities of an evaluation."""

from __future__ import annotations

import pytest

from retrieval.errors import InputError
from tests.support.ranking_problems import evaluate, golden


def test_same_camera_everywhere_names_the_way_out() -> None:
    problem = golden()._replace(camera=["c"] * 240)
    with pytest.raises(InputError, match="pass `camera_rule=none`"):
        evaluate(problem)
    assert evaluate(problem, camera_rule="none").n["query"] == 40


def test_camera_rule_is_settled_by_what_is_known() -> None:
    assert evaluate(golden()).config["camera_rule"] == "market1501"
    lacking = golden()._replace(camera=[None, *golden().camera[1:]])
    found = evaluate(lacking)
    assert found.config["camera_rule"] == "auto"
    assert any("1 of 240" in warning for warning in found.warnings)
    nobody = golden()._replace(camera=[None] * 240)
    assert evaluate(nobody).config["camera_rule"] == "none"
    with pytest.raises(InputError, match=r"1 of 240 samples have none \(the first is 000000\)"):
        evaluate(lacking, camera_rule="market1501")
