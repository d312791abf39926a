"""The protocols of hands, evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.base import Request
from eval.protocols.hands import CLIPFH_11K, HAND_ASPECTS, HD, MBANET_11K
from indexers.sources.hands11k import assign_splits
from retrieval.errors import IncompleteError, InputError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.hand_rows import hand_rows
from tests.support.identity_stores import people, pool_of, sample_table
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
    hands = hand_rows(SHARED / "hands")
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
    assert (merged.protocol, merged.departs_from) == ("custom", "mbanet-11k")
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
    with pytest.raises(IncompleteError, match=r"no view 'hflip'.*views base,hflip"):
        evaluate(store_of(HANDS, {"base": vectors}), "reid", protocol="mbanet-11k")


def test_hd_has_the_extra_people_in_every_gallery() -> None:
    rows = [*people(4, 3, split="test"), *people(3, 5, split="train")]
    rows += [{"uri": f"extra{at}", "identity": f"{600 + at // 2}", "split": "gallery"} for at in range(8)]
    for at, row in enumerate(rows):
        row["uri"] = f"{at}.jpg"
    made = HD.parts(pool_of(rows), Request())[""]
    assert [counts(made, draw) for draw in range(10)] == [(8, 12)] * 10
    with pytest.raises(InputError, match="index HD with the source pattern and its preset hd"):
        HD.parts(pool_of(people(3, 2, split="test")), Request())
    with pytest.raises(InputError, match="'000' is both"):
        HD.parts(pool_of([*people(3, 2, split="test"), {"uri": "x", "identity": "000", "split": "gallery"}]), Request())
