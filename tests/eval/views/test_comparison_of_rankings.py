"""The table of two compared rankings."""

from __future__ import annotations

import json

import pytest

from eval.protocols.hands import HAND_ASPECTS
from eval.runs.request import EvalRequest
from eval.views.comparison import ranking_comparison_tables
from retrieval.errors import InputError
from tests.support.compared_spaces import compare, hands, two_spaces
from tests.support.identity_stores import people

QUICK = {"bootstrap": 60, "draws": 3}


def test_the_table_names_parts_by_their_number() -> None:
    store = two_spaces(hands())
    asked = [
        EvalRequest(mode="reid", space=s, protocol="clipfh-11k", aspect="all", options=QUICK) for s in ("sharp", "dull")
    ]
    found = compare(store, *asked)
    (table,) = ranking_comparison_tables(found)
    title = str(table.title)
    assert f"mean of 4 parts · split set {found.split_sha256[:12]}" in title
    assert max(map(len, title.splitlines())) <= 80
    assert "clipfh-11k/" in found.split_set
    assert json.loads(json.dumps(found.to_dict()))["parts"] == list(HAND_ASPECTS)


def test_p_is_never_shown_as_zero_and_not_made_of_nothing() -> None:
    store = two_spaces(people(90, 3))
    asked = [EvalRequest(mode="reid", space=space, options={"bootstrap": 40}) for space in ("sharp", "dull")]
    found = compare(store, *asked)
    assert found.mcnemar is not None
    assert 0 < found.mcnemar.p_value < 0.0001
    (table,) = ranking_comparison_tables(found)
    assert "p < 0.0001" in str(table.caption)
    none = [EvalRequest(mode="reid", space=space, options={"bootstrap": 0}) for space in ("sharp", "dull")]
    assert compare(store, none[0], asked[1]).differences == found.differences
    with pytest.raises(InputError, match="`bootstrap=1000`"):
        compare(store, *none)
