"""The protocols of person re-identification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.base import Request
from eval.protocols.persons import CUHK03
from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.identity_stores import pool_of, sample_table


def counts(splits: SplitSet, draw: int = 0) -> tuple[int, int]:
    rows = splits.draw == draw
    return int((rows & (splits.role == "query")).sum()), int((rows & (splits.role == "gallery")).sum())


def store_of(rows: list[dict[str, Any]], vectors: Any) -> MemoryStore:
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    return MemoryStore(samples, {"own": {view: (keys, np.asarray(data)) for view, data in vectors.items()}})


def test_market1501_junk_and_distractors() -> None:
    """Above the right answer stand: a -1 (ignored), the own camera (junk), and a 0000 (a wrong answer)."""
    rows: list[dict[str, Any]] = [
        {"uri": "q", "identity": "0007", "camera": "1", "split": "query"},
        {"uri": "junk", "identity": "-1", "camera": "2", "split": "gallery"},
        {"uri": "own", "identity": "0007", "camera": "1", "split": "gallery"},
        {"uri": "background", "identity": "0000", "camera": "2", "split": "gallery"},
        {"uri": "right", "identity": "0007", "camera": "3", "split": "gallery"},
    ]
    angle = np.array([0, 0.1, 0.2, 0.3, 0.4])
    store = store_of(rows, {"base": np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)})
    found = evaluate(store, "reid", protocol="market1501", options={"ranks": "1,2"})
    assert found.protocol == "market1501"
    assert (found.metrics["rank_1"].value, found.metrics["rank_2"].value) == (0, 1)
    assert found.metrics["mean_ap"].value == 0.5
    assert (found.n["gallery"], found.n["identities"]) == (3, 1)
    with_junk = evaluate(store, "reid", protocol="market1501", options={"junk_identities": None})
    assert (with_junk.protocol, with_junk.departs_from) == ("custom", "market1501")
    assert with_junk.metrics["mean_ap"].value == pytest.approx(1 / 3)
    for row in rows:
        row["camera"] = None
    with pytest.raises(InputError, match="needs every camera"):
        evaluate(store_of(rows, {"base": np.eye(5, dtype=np.float32)}), "reid", protocol="market1501")


def test_cuhk03_asks_across_cameras() -> None:
    rows = [
        {"uri": f"{who}_{camera}_{shot}", "identity": f"{who}", "camera": f"{camera}"}
        for who in range(6)
        for camera in range(2)
        for shot in range(3)
    ]
    rows.append({"uri": "alone", "identity": "seen once", "camera": "1"})
    pool = pool_of(rows)
    made = CUHK03.parts(pool, Request())[""]
    assert [counts(made, draw) for draw in range(10)] == [(18, 6)] * 10
    camera = dict(zip(pool.ids.tolist(), pool.columns["camera"], strict=True))
    who = dict(zip(pool.ids.tolist(), pool.columns["identity"], strict=True))
    for draw in range(10):
        sides: dict[str, dict[str, set[str]]] = {"query": {}, "gallery": {}}
        for sample, role in zip(made.sample[made.draw == draw], made.role[made.draw == draw], strict=True):
            sides[role].setdefault(who[sample], set()).add(camera[sample])
        assert all(not sides["query"][name] & sides["gallery"][name] for name in sides["query"])
    assert made.sha256 != CUHK03.parts(pool, Request(seed=1))[""].sha256
    with pytest.raises(InputError, match="None of the 6 identities was seen by two cameras"):
        CUHK03.parts(pool_of([row for row in rows if row["camera"] == "0"]), Request())
    with pytest.raises(InputError, match="needs every camera, and 1 of 38"):
        CUHK03.parts(pool_of([*rows, {"uri": "x", "identity": "0", "camera": None}]), Request())


def test_cuhk03_keeps_the_queries_and_the_gallery_of_the_data_set() -> None:
    rows = [
        {"uri": f"{who}_{camera}_{shot}", "identity": f"{who}", "camera": f"{camera}",
         "split": "query" if camera == 0 and who < 5 else "gallery"}
        for who in range(6)
        for camera in range(2)
        for shot in range(3)
    ]  # fmt: skip
    rows.append({"uri": "train", "identity": "7", "camera": "1", "split": "train"})
    pool = pool_of(rows)
    made = CUHK03.parts(pool, Request())[""]
    given = dict(zip(pool.ids.tolist(), pool.columns["split"], strict=True))
    assert all(given[sample] == role for sample, role in zip(made.sample, made.role, strict=True))
    # Identity 5 has gallery samples alone: a distractor.
    assert [counts(made, draw) for draw in range(10)] == [(15, 6)] * 10
    assert len({tuple(sorted(made.sample[(made.draw == d) & (made.role == "gallery")])) for d in range(10)}) > 1
    for row in rows:
        row["camera"] = "0"
    with pytest.raises(InputError, match="has a query and a gallery sample from two cameras"):
        CUHK03.parts(pool_of(rows), Request())
