from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from eval.audit.checks import data_roles
from eval.audit.crossings import crossing_warnings
from eval.audit.duplicates import SpaceVectors
from tests.support.audit_samples import pool, split_set

if TYPE_CHECKING:
    from eval.seams.samples import Pool
    from retrieval.types import SplitSet


def leaks(draws: SplitSet, samples: Pool, *, groups_meet: bool = True) -> tuple[str, ...]:
    """What an evaluation of samples without vectors says."""
    none = SpaceVectors(np.empty((0, 4), np.float32), np.full(len(samples), -1))
    return crossing_warnings(samples, data_roles(samples, [draws]), none, identities=True, groups_meet=groups_meet)


def test_clean_draws_are_met_with_silence() -> None:
    samples = pool(
        a={"identity": "1", "split": "test", "group": "g"},
        b={"identity": "1", "split": "test"},
        c={"identity": "2", "split": "train", "group": "h"},
        d={"identity": None, "split": "train"},
        e={"identity": None, "split": "test"},
    )
    draws = split_set({"query": "a e", "gallery": "b"}, {"query": "b e", "gallery": "a"})
    assert leaks(draws, samples) == ()


def test_every_leak_is_a_sentence_and_the_same_twice() -> None:
    samples = pool(
        a={"identity": "1", "key": "same"},
        b={"identity": "1", "key": "same", "group": "burst"},
        c={"identity": "1", "split": "train"},
        d={"identity": "2", "group": "burst"},
    )
    draws = split_set({"query": "a d", "gallery": "b"})
    first = leaks(draws, samples)
    assert first == (
        "1 identity evaluated here also has train or val samples of the same aspect (audit shows them).",
        "1 picture is query and gallery of one draw, byte for byte: its match is certain (audit shows them).",
        "1 group has samples that are query and gallery of one draw (audit shows them).",
    )
    assert leaks(draws, samples) == first
    assert leaks(draws, samples, groups_meet=False) == first[:2]


def test_several_are_counted_once_each_over_all_draws() -> None:
    samples = pool(
        a={"identity": "1", "key": "x", "group": "p"},
        b={"identity": "1", "key": "x", "group": "p"},
        c={"identity": "2", "key": "y", "group": "q"},
        d={"identity": "2", "key": "y", "group": "q"},
        e={"identity": "1", "split": "val"},
        f={"identity": "2", "split": "train"},
    )
    draws = split_set({"query": "a c", "gallery": "b d"}, {"query": "b", "gallery": "a d"})
    assert leaks(draws, samples) == (
        "2 identities evaluated here also have train or val samples of the same aspect (audit shows them).",
        "2 pictures are query and gallery of one draw, byte for byte: their match is certain (audit shows them).",
        "2 groups have samples that are query and gallery of one draw (audit shows them).",
    )


@pytest.mark.parametrize(("aspect", "sentences"), [("left", 1), ("right", 0)])
def test_an_identity_counts_within_its_aspect(aspect: str, sentences: int) -> None:
    samples = pool(
        a={"identity": "1", "aspect": "left"},
        b={"identity": "1", "aspect": "left"},
        c={"identity": "1", "aspect": aspect, "split": "train"},
    )
    assert len(leaks(split_set({"query": "a", "gallery": "b"}), samples)) == sentences


def test_roles_of_the_split_set_go_before_the_samples_own_splits() -> None:
    samples = pool(
        a={"identity": "1", "split": "train"},
        b={"identity": "1", "split": "train"},
        c={"identity": "2", "split": "test"},
        d={"identity": "1", "split": "test"},
    )
    clean = split_set({"query": "a", "gallery": "b", "train": "c"})
    assert leaks(clean, samples) == ()
    (sentence,) = leaks(split_set({"query": "a", "gallery": "b", "train": "c d"}), samples)
    assert sentence.startswith("1 identity evaluated here")
