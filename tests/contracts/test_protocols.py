"""The protocols beside clipfh-11k, monte-carlo and fixed: their draws, and their numbers through a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.base import Request, whole_split
from eval.protocols.hands import HAND_ASPECTS, MBANET_11K
from eval.registry import PROTOCOLS, load_protocol
from retrieval.errors import InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from tests.support.identity_stores import memory_store, people, pool_of, sample_table

HANDS = people(5, 3, HAND_ASPECTS, split="test", meta_accessories=0)


def store_of(rows: list[dict[str, Any]], vectors: Any) -> MemoryStore:
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    return MemoryStore(samples, {"own": {view: (keys, np.asarray(data)) for view, data in vectors.items()}})


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_what_a_protocol_fixes_can_be_overridden_and_is_then_said(name: str) -> None:
    for key, value in load_protocol(name).settings.items():
        assert value is not None, key
    store = memory_store([{**row, "group": None} for row in HANDS])
    if load_protocol(name).task == "classification":
        with pytest.raises(InputError, match="is of classification"):
            evaluate(store, "reid", protocol=name)
    elif name not in {"market1501", "fixed", "hd", "cuhk03", "cross-aspect"}:
        assert evaluate(store, "reid", protocol=name).protocol == name
    if name in {"clipfh-11k", "mbanet-11k"}:
        custom = evaluate(store, "reid", protocol=name, options={"draws": 2})
        assert (custom.protocol, custom.departs_from) == ("custom", name)


def test_the_rows_of_all_parts_are_counted_once() -> None:
    parts = MBANET_11K.parts(pool_of(HANDS), Request(draws=1))
    assert len(whole_split(parts).draw) == 60


def test_any_column_can_be_sliced_by() -> None:
    rows = [{**row, "meta_age": 20 + int(row["identity"])} for row in HANDS]
    found = evaluate(memory_store(rows), "reid", protocol="clipfh-11k", options={"slice": "age"})
    assert found.slices is not None
    assert list(found.slices) == ["20", "21", "22", "23", "24"]
    one = found.slices["20"]
    assert (one.n, one.small) == ({"query": 8, "identities": 1}, True)
    assert found.to_dict()["slices"]["20"]["metrics"]["rank_1"]["ci95"] is None
    shares = [part.metrics["rank_1"].value for part in found.slices.values()]
    assert np.mean(shares) == pytest.approx(found.metrics["rank_1"].value)
    with pytest.raises(UnknownNameError, match="No column of samples 'aeg'"):
        evaluate(memory_store(rows), "reid", options={"slice": "aeg"})


@pytest.mark.parametrize(
    ("options", "departs"),
    [
        ({}, False),
        ({"draws": 10, "ties": "stable", "denominator": "valid", "rerank": "none", "camera_rule": "none"}, False),
        ({"identity_columns": "identity", "junk_identities": "", "score_norm": "none", "views": "base"}, False),
        *(
            ({key: value}, True)
            for key, value in (
                ("denominator", "all"),
                ("ties", "expected"),
                ("group_rule", "exclude"),
                ("identity_columns", "identity,aspect"),
                ("junk_identities", "1"),
                ("distractor_identities", "1"),
                ("rerank", "alpha-qe"),
                ("ap_method", "trapezoid"),
                ("draws", 3),
            )
        ),
    ],
)
@pytest.mark.parametrize("name", ["clipfh-11k", "monte-carlo"])
def test_what_departs_from_a_protocol_is_custom(name: str, options: dict[str, Any], *, departs: bool) -> None:
    rows = [{**row, "group": f"g{at}"} for at, row in enumerate(HANDS)]
    person = np.eye(5, dtype=np.float32)[[int(row["identity"]) for row in rows]]
    found = evaluate(store_of(rows, {"base": person}), "reid", protocol=name, options={"bootstrap": 0, **options})
    assert (found.protocol, found.departs_from) == (("custom", name) if departs else (name, None))
