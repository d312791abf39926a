from __future__ import annotations

from typing import Any

import pytest

from eval.protocols.base import Request, whole_split
from eval.protocols.hands import CLIPFH_11K, HAND_ASPECTS
from indexers.sources.registry import open_source
from retrieval.errors import InputError
from retrieval.types import SplitSet
from tests.support.identity_stores import people, pool_of
from tests.support.shared_data import SHARED, needs_shared

HANDS = people(5, 3, HAND_ASPECTS, split="test", meta_accessories=0)


def counts(splits: SplitSet, draw: int = 0) -> tuple[int, int]:
    rows = splits.draw == draw
    return int((rows & (splits.role == "query")).sum()), int((rows & (splits.role == "gallery")).sum())


@needs_shared
def test_real_hands_have_the_counts_that_are_known() -> None:
    source = open_source(SHARED / "hands", "hands11k")
    rows = [
        {
            "uri": s.uri,
            "identity": s.identity,
            "aspect": s.aspect,
            "split": s.split,
            "meta_accessories": s.meta["accessories"],
        }
        for s in source
    ]
    parts = CLIPFH_11K.parts(pool_of(rows), Request())
    assert tuple(parts) == HAND_ASPECTS
    assert [counts(parts["dorsal right"], draw) for draw in range(10)] == [(126, 59)] * 10


def test_each_aspect_has_its_own_gallery() -> None:
    parts = CLIPFH_11K.parts(pool_of(HANDS), Request(draws=2))
    assert {name: counts(part) for name, part in parts.items()} == dict.fromkeys(HAND_ASPECTS, (10, 5))
    assert parts["palmar left"].name.startswith("clipfh-11k/palmar left/seed0@")
    assert parts["palmar left"].name.endswith(parts["palmar left"].sha256[:8])
    assert len(whole_split(parts).draw) == 2 * 4 * 15


def test_one_aspect_alone_has_the_draws_it_has_among_all() -> None:
    alone = CLIPFH_11K.parts(pool_of(HANDS), Request(aspect="dorsal left"))
    together = CLIPFH_11K.parts(pool_of(HANDS), Request())
    assert alone[""].sha256 == together["dorsal left"].sha256


def test_training_hands_and_accessories_stay_out() -> None:
    more = people(9, 3, HAND_ASPECTS, split="train", meta_accessories=0)
    more += people(9, 3, HAND_ASPECTS, split="test", meta_accessories=1)
    for at, row in enumerate(more):
        row["uri"] = f"{at}.jpg"
    made = CLIPFH_11K.parts(pool_of([*HANDS, *more]), Request())
    assert whole_split(made).sha256 == whole_split(CLIPFH_11K.parts(pool_of(HANDS), Request())).sha256


@pytest.mark.parametrize(
    ("rows", "request_", "message"),
    [
        (
            people(3, 2, HAND_ASPECTS[:3], split="test"),
            Request(),
            "no samples of aspect 'palmar right'; there are",
        ),
        (people(3, 2, split="test"), Request(), "none of the samples has an aspect"),
        (HANDS, Request(aspect="dorsal rigth"), "Did you mean 'dorsal right'"),
        (people(3, 2, HAND_ASPECTS, split="train"), Request(), "finds no test hands"),
        (people(3, 1, HAND_ASPECTS, split="test"), Request(), "None of the 3 identities has two samples"),
    ],
)
def test_hands_that_cannot_be_evaluated(rows: list[dict[str, Any]], request_: Request, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CLIPFH_11K.parts(pool_of(rows), request_)
