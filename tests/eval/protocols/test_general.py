"""Protocols that any data set may take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.base import Request
from eval.protocols.general import CROSS_ASPECT, FIXED, LEAVE_ONE_OUT, MONTE_CARLO, CrossAspectOptions
from eval.protocols.hands import HAND_ASPECTS
from eval.protocols.split_sets import draw_single_gallery
from retrieval.errors import IncompleteError, InputError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.identity_stores import people, pool_of, sample_table


def counts(splits: SplitSet, draw: int = 0) -> tuple[int, int]:
    rows = splits.draw == draw
    return int((rows & (splits.role == "query")).sum()), int((rows & (splits.role == "gallery")).sum())


def test_monte_carlo_prefers_what_is_held_out() -> None:
    rows = [*people(6, 2, ("a",), split="train"), *people(4, 3, ("b",), split="test"), {"uri": "x", "split": "test"}]
    assert counts(MONTE_CARLO.parts(pool_of(rows), Request())[""]) == (8, 4)
    for row in rows:
        row["split"] = None
    pool = pool_of(rows)
    # People 0 to 3 now have images of both aspects: 20 + 4 samples, 6 identities.
    assert counts(MONTE_CARLO.parts(pool, Request())[""]) == (18, 6)
    assert {name: counts(part) for name, part in MONTE_CARLO.parts(pool, Request(aspect="all")).items()} == {
        "a": (6, 6),
        "b": (8, 4),
    }
    with pytest.raises(InputError, match="no samples with an identity"):
        MONTE_CARLO.parts(pool_of([{"uri": "x"}]), Request())


def test_fixed_takes_roles_from_the_samples() -> None:
    rows = [
        *people(4, 2, ("q",), split="query"),
        *people(4, 3, ("g",), split="gallery"),
        *people(4, 1, ("t",), split="train"),
    ]
    made = FIXED.parts(pool_of(rows), Request())[""]
    assert counts(made) == (8, 12)
    assert made.name == f"fixed@{made.sha256[:8]}"
    with pytest.raises(InputError, match="finds no gallery samples"):
        FIXED.parts(pool_of(rows[:8]), Request())
    with pytest.raises(InputError, match="`draws=3` cannot be used: the split set has 1"):
        FIXED.parts(pool_of(rows), Request(draws=3))


def test_a_given_split_set_is_followed_within_the_pool() -> None:
    pool = pool_of(people(4, 3, ("a", "b")))
    made = draw_single_gallery(pool.ids, pool.columns["identity"], 2, 0)
    given = SplitSet("mine", made.draw, made.sample, made.role)
    assert FIXED.parts(pool, Request(split_set=given))[""].sha256 == made.sha256
    assert FIXED.parts(pool, Request(split_set=given))[""].name == f"mine@{made.sha256[:8]}"
    smaller = FIXED.parts(pool.take(pool.among("identity", "000", "001")), Request(split_set=given))[""]
    assert sum(counts(smaller, 1)) == 12


def test_parts_of_a_given_set_must_have_the_same_draws() -> None:
    pool = pool_of(people(3, 2, ("a", "b")))
    first = pool.take(pool.among("aspect", "a"))
    sample = np.concatenate([pool.ids, first.ids])
    draw = np.repeat([0, 1], [len(pool), len(first)])
    uris = dict(zip(pool.ids.tolist(), pool.columns["uri"], strict=True))
    role = np.array(["gallery" if uris[str(s)].endswith("_0.jpg") else "query" for s in sample])
    with pytest.raises(InputError, match="different numbers of draws"):
        FIXED.parts(pool, Request(aspect="all", split_set=SplitSet("mine", draw, sample, role)))


HANDS = people(5, 3, HAND_ASPECTS, split="test", meta_accessories=0)


def store_of(rows: list[dict[str, Any]], vectors: Any) -> MemoryStore:
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    return MemoryStore(samples, {"own": {view: (keys, np.asarray(data)) for view, data in vectors.items()}})


def test_leave_one_out_leaves_itself_and_its_burst_out() -> None:
    rows = [
        {"uri": f"{who}_{shot}", "identity": f"{who}", "group": f"{who}.{shot // 2}"}
        for who in "ab"
        for shot in (0, 1, 2)
    ]
    made = LEAVE_ONE_OUT.parts(pool_of(rows), Request())[""]
    assert counts(made) == (6, 6)
    angle = np.array([0, 0.1, 0.9, 2.0, 2.1, 1.0])
    store = store_of(rows, {"base": np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)})
    found = evaluate(store, "reid", protocol="leave-one-out", options={"ranks": "1"})
    # a0, a1 find a2 before all b; a2 finds b2, then a1, a0; b0, b1 find b2, as b2 finds a2 before them.
    assert found.metrics["rank_1"].value == pytest.approx(4 / 6)
    assert not any("group" in warning for warning in found.warnings)
    loose = evaluate(store, "reid", protocol="leave-one-out", options={"group_rule": "none", "ranks": "1"})
    assert (loose.protocol, loose.departs_from) == ("custom", "leave-one-out")
    assert loose.metrics["rank_1"].value == pytest.approx(4 / 6)
    assert any("query and gallery of one draw" in warning for warning in loose.warnings)
    for row in rows:
        row["group"] = row["identity"]
    vectors = {"base": np.eye(6, dtype=np.float32)}
    with pytest.raises(InputError, match=r"shares its group with all.*`group_rule=none`"):
        evaluate(store_of(rows, vectors), "reid", protocol="leave-one-out")
    for at, row in enumerate(rows):
        row["identity"] = f"{at}"
    with pytest.raises(InputError, match="None of the 6 identities has two samples"):
        evaluate(store_of(rows, vectors), "reid", protocol="leave-one-out")


def cross(query: str, gallery: str, **more: Any) -> Request:
    options = CrossAspectOptions(query_aspect=query, gallery_aspect=gallery, **more)
    return Request(options=options)


def test_cross_aspect_asks_one_aspect_of_another() -> None:
    made = CROSS_ASPECT.parts(pool_of(HANDS), cross("dorsal right", "palmar right"))[""]
    assert [counts(made, draw) for draw in range(10)] == [(15, 5)] * 10
    for request, message in (
        (cross("dorsal right", "dorsal right"), "two different ones"),
        (cross("dorsal right", "palmar rigth"), "Did you mean 'palmar right'"),
    ):
        with pytest.raises(InputError, match=message):
            CROSS_ASPECT.parts(pool_of(HANDS), request)


def test_cross_aspect_compares_the_mirrored_view_of_the_queries() -> None:
    """Left hands are right hands whose axes are swapped; mirroring swaps them back."""
    rows = people(4, 2, ("dorsal left", "dorsal right"), split="test")
    own = np.eye(8, dtype=np.float32)[[int(row["identity"]) + 4 * (row["aspect"] == "dorsal left") for row in rows]]
    store = store_of(rows, {"base": own, "hflip": np.roll(own, 4, axis=1)})
    options = {"query_aspect": "dorsal left", "gallery_aspect": "dorsal right"}
    plain = evaluate(store, "reid", protocol="cross-aspect", options=options)
    mirrored = evaluate(store, "reid", protocol="cross-aspect", options={**options, "mirror": True})
    assert plain.metrics["rank_1"].value < 1
    assert mirrored.metrics["rank_1"].value == 1
    assert mirrored.config["mirror"] is True
    assert mirrored.protocol == "cross-aspect"
    words = "query_aspect' is needed, as in `query_aspect=dorsal left` `gallery_aspect=dorsal right`"
    with pytest.raises(InputError, match=words):
        evaluate(store, "reid", protocol="cross-aspect")
    with pytest.raises(InputError, match=words.replace("query", "gallery", 1)):
        evaluate(store, "reid", protocol="cross-aspect", options={"query_aspect": "dorsal left"})
    lacking = store_of(rows, {"base": own})
    with pytest.raises(IncompleteError, match=r"evaluate without it \(`mirror=false`\)"):
        evaluate(lacking, "reid", protocol="cross-aspect", options={**options, "mirror": True})
    evaluate(lacking, "reid", protocol="cross-aspect", options={**options, "mirror": False})
    with pytest.raises(InputError, match="there is no option 'query_aspect'"):
        evaluate(store, "reid", protocol="monte-carlo", options=options)
