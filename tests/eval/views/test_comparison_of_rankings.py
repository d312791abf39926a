"""The table of two compared rankings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from eval.protocols.hands import HAND_ASPECTS
from eval.runs.compare import compare_requests
from eval.runs.compare_ranking import RankingComparison
from eval.runs.request import EvalRequest
from eval.views.comparison import ranking_comparison_table
from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from tests.support.identity_stores import people, sample_table, vectors_of

QUICK = {"bootstrap": 60, "draws": 3}


Rows = list[dict[str, Any]]


def compare(store: MemoryStore, first: EvalRequest, second: EvalRequest) -> RankingComparison:
    """Compare two requests of rankings."""
    comparison = compare_requests(store, first, second)
    assert isinstance(comparison, RankingComparison)
    return comparison


def two_spaces(rows: Rows) -> MemoryStore:
    """Spaces ``sharp`` and ``dull``: the second is the first with noise; two views each."""
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    spaces = {}
    for name, noise in (("sharp", 0.0), ("dull", 0.3)):
        views = {}
        for seed, view in enumerate(("base", "hflip")):
            raw = vectors_of(rows, seed=seed) + noise * np.random.default_rng(9 + seed).standard_normal((len(rows), 16))
            views[view] = (keys, (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32))
        spaces[name] = views
    return MemoryStore(samples, spaces)


def hands(n: int = 12) -> Rows:
    """Hands of n people in all four aspects, as clipfh-11k and cross-aspect take them."""
    return people(n, 3, HAND_ASPECTS, split="test", meta_accessories=0)


def test_the_table_names_parts_by_their_number() -> None:
    store = two_spaces(hands())
    asked = [
        EvalRequest(mode="reid", space=s, protocol="clipfh-11k", aspect="all", options=QUICK) for s in ("sharp", "dull")
    ]
    found = compare(store, *asked)
    title = str(ranking_comparison_table(found).title)
    assert f"mean of 4 parts · split set {found.split_sha256[:12]}" in title
    assert max(map(len, title.splitlines())) <= 80
    assert "clipfh-11k/" in found.split_set
    assert json.loads(json.dumps(found.to_dict()))["parts"] == list(HAND_ASPECTS)


def test_p_is_never_shown_as_zero_and_not_made_of_nothing() -> None:
    store = two_spaces(people(70, 3))
    asked = [EvalRequest(mode="reid", space=space, options={"bootstrap": 40}) for space in ("sharp", "dull")]
    found = compare(store, *asked)
    assert found.mcnemar is not None
    assert 0 < found.mcnemar.p_value < 0.0001
    assert "p < 0.0001" in str(ranking_comparison_table(found).caption)
    none = [EvalRequest(mode="reid", space=space, options={"bootstrap": 0}) for space in ("sharp", "dull")]
    assert compare(store, none[0], asked[1]).differences == found.differences
    with pytest.raises(InputError, match="`bootstrap=1000`"):
        compare(store, *none)
