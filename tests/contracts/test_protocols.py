"""The protocols beside clipfh-11k, monte-carlo and fixed: their draws, and their numbers through a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.protocols.base import Request, whole_split
from eval.protocols.general import CROSS_ASPECT, LEAVE_ONE_OUT, CrossAspectOptions
from eval.protocols.hands import CLIPFH_11K, HAND_ASPECTS, HD, MBANET_11K
from eval.protocols.persons import CUHK03
from eval.registry import PROTOCOLS, load_protocol
from eval.runs.prepare_classification import CLASS_PROTOCOLS
from eval.runs.run import evaluate
from indexers.sources.hands11k import assign_splits, read_hands
from retrieval.errors import IncompleteError, InputError, UnknownNameError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.identity_stores import memory_store, people, pool_of, sample_table
from tests.support.shared_data import SHARED, needs_shared

HANDS = people(5, 3, HAND_ASPECTS, split="test", meta_accessories=0)


def counts(splits: SplitSet, draw: int = 0) -> tuple[int, int]:
    rows = splits.draw == draw
    return int((rows & (splits.role == "query")).sum()), int((rows & (splits.role == "gallery")).sum())


def store_of(rows: list[dict[str, Any]], vectors: Any) -> MemoryStore:
    samples = sample_table(rows)
    keys = samples.column("key").to_pylist()
    return MemoryStore(samples, {"own": {view: (keys, np.asarray(data)) for view, data in vectors.items()}})


@needs_shared
def test_mbanet_has_290_gallery_images_on_the_complete_set() -> None:
    hands = read_hands(SHARED / "hands" / "HandInfo.csv", [])
    rows = [
        {"uri": h.image, "identity": h.identity, "aspect": h.aspect, "split": split, "meta_accessories": 0}
        for h, split in zip(hands, assign_splits(hands), strict=True)
    ]
    pool = pool_of(rows)
    parts = MBANET_11K.parts(pool, Request(draws=2))
    assert {name: counts(part) for name, part in parts.items()} == {
        "dorsal left": (988, 290),
        "dorsal right": (971, 290),
        "palmar left": (948, 290),
        "palmar right": (917, 290),
    }
    own = CLIPFH_11K.parts(pool, Request(draws=2))
    for name, part in parts.items():
        drawn = {(d, s) for d, s, r in zip(part.draw, part.sample, part.role, strict=True) if r == "gallery"}
        mine = own[name]
        assert drawn >= {(d, s) for d, s, r in zip(mine.draw, mine.sample, mine.role, strict=True) if r == "gallery"}


def test_mbanet_takes_other_aspects_of_a_person_for_others() -> None:
    """Every person has one vector in all pictures: own aspect and others tie, and only the own one is right."""
    person = np.eye(5, dtype=np.float32)[[int(row["identity"]) for row in HANDS]]
    store = store_of(HANDS, {"base": person, "hflip": person})
    own = evaluate(store, "reid", protocol="mbanet-11k")
    assert own.protocol == "mbanet-11k"
    assert (own.n["query"], own.n["gallery"]) == (40, 80)
    assert own.metrics["rank_1"].value < 1
    merged = evaluate(store, "reid", protocol="mbanet-11k", options={"identity_columns": "identity"})
    assert merged.protocol == "custom, from mbanet-11k"
    assert merged.metrics["rank_1"].value == 1
    assert own.parts is not None
    alone = evaluate(store, "reid", protocol="mbanet-11k", aspect="dorsal right")
    assert alone.metrics == own.parts["dorsal right"].metrics


@pytest.mark.parametrize("aspect", ["all", "dorsal left"])
def test_mbanet_needs_all_four_aspects(aspect: str) -> None:
    three = [row for row in HANDS if row["aspect"] != "palmar right"]
    with pytest.raises(InputError, match="mbanet-11k finds no samples of aspect 'palmar right'"):
        MBANET_11K.parts(pool_of(three), Request(aspect=aspect))


def test_mbanet_names_the_view_that_is_missing() -> None:
    vectors = np.eye(5, dtype=np.float32)[[int(row["identity"]) for row in HANDS]]
    with pytest.raises(IncompleteError, match=r"no view 'hflip'.*--views base,hflip"):
        evaluate(store_of(HANDS, {"base": vectors}), "reid", protocol="mbanet-11k")


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
    assert with_junk.protocol == "custom, from market1501"
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
    assert made.sha256 == CUHK03.parts(pool_of(rows[::-1]), Request())[""].sha256
    assert made.sha256 != CUHK03.parts(pool, Request(seed=1))[""].sha256
    with pytest.raises(InputError, match="None of the 6 identities was seen by two cameras"):
        CUHK03.parts(pool_of([row for row in rows if row["camera"] == "0"]), Request())
    with pytest.raises(InputError, match="needs every camera, and 1 of 38"):
        CUHK03.parts(pool_of([*rows, {"uri": "x", "identity": "0", "camera": None}]), Request())


def test_hd_has_the_extra_people_in_every_gallery() -> None:
    rows = [*people(4, 3, split="test"), *people(3, 5, split="train")]
    rows += [{"uri": f"extra{at}", "identity": f"{600 + at // 2}", "split": "gallery"} for at in range(8)]
    for at, row in enumerate(rows):
        row["uri"] = f"{at}.jpg"
    made = HD.parts(pool_of(rows), Request())[""]
    assert [counts(made, draw) for draw in range(10)] == [(8, 12)] * 10
    with pytest.raises(InputError, match="index HD with --source pattern -s preset=hd"):
        HD.parts(pool_of(people(3, 2, split="test")), Request())
    with pytest.raises(InputError, match="'000' is both"):
        HD.parts(pool_of([*people(3, 2, split="test"), {"uri": "x", "identity": "000", "split": "gallery"}]), Request())


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
    assert found.warnings == ()
    loose = evaluate(store, "reid", protocol="leave-one-out", options={"group_rule": "none", "ranks": "1"})
    assert loose.protocol == "custom, from leave-one-out"
    assert loose.metrics["rank_1"].value == pytest.approx(4 / 6)
    assert "same group as a query" in loose.warnings[0]
    for row in rows:
        row["group"] = row["identity"]
    vectors = {"base": np.eye(6, dtype=np.float32)}
    with pytest.raises(InputError, match=r"shares its group with all.*-o group_rule=none"):
        evaluate(store_of(rows, vectors), "reid", protocol="leave-one-out")
    for at, row in enumerate(rows):
        row["identity"] = f"{at}"
    with pytest.raises(InputError, match="None of the 6 identities has two images"):
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
    words = 'query_aspect\' is needed, as in -o query_aspect="dorsal left" -o gallery_aspect="dorsal right"'
    with pytest.raises(InputError, match=words):
        evaluate(store, "reid", protocol="cross-aspect")
    with pytest.raises(InputError, match=words.replace("query", "gallery", 1)):
        evaluate(store, "reid", protocol="cross-aspect", options={"query_aspect": "dorsal left"})
    lacking = store_of(rows, {"base": own})
    with pytest.raises(IncompleteError, match=r"evaluate without it \(-o mirror=false\)"):
        evaluate(lacking, "reid", protocol="cross-aspect", options={**options, "mirror": True})
    evaluate(lacking, "reid", protocol="cross-aspect", options={**options, "mirror": False})
    with pytest.raises(InputError, match="there is no option 'query_aspect'"):
        evaluate(store, "reid", protocol="monte-carlo", options=options)


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_what_a_protocol_fixes_can_be_overridden_and_is_then_said(name: str) -> None:
    for key, value in load_protocol(name).settings.items():
        assert value is not None, key
    store = memory_store([{**row, "group": None} for row in HANDS])
    if name in CLASS_PROTOCOLS:
        with pytest.raises(InputError, match="is of classification"):
            evaluate(store, "reid", protocol=name)
    elif name not in {"market1501", "fixed", "hd", "cuhk03", "cross-aspect"}:
        assert evaluate(store, "reid", protocol=name).protocol == name
    if name in {"clipfh-11k", "mbanet-11k"}:
        custom = evaluate(store, "reid", protocol=name, options={"draws": 2})
        assert custom.protocol == f"custom, from {name}"


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
    assert found.protocol == (f"custom, from {name}" if departs else name)
