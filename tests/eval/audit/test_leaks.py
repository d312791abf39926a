from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.audit.leaks import leaks, shared_in_draws
from tests.support.audit_samples import pool, split_set


def test_clean_draws_are_met_with_silence() -> None:
    samples = pool(
        a={"identity": "1", "split": "test", "group": "g"},
        b={"identity": "1", "split": "test"},
        c={"identity": "2", "split": "train", "group": "g"},
        d={"identity": None, "split": "train"},
        e={"identity": None, "split": "test"},
    )
    draws = {"": split_set({"query": "a e", "gallery": "b"}, {"query": "b e", "gallery": "a"})}
    assert leaks(draws, samples) == ()


def test_every_leak_is_a_sentence_and_the_same_twice() -> None:
    samples = pool(
        a={"identity": "1", "key": "same"},
        b={"identity": "1", "key": "same", "group": "burst"},
        c={"identity": "1", "split": "train"},
        d={"identity": "2", "group": "burst"},
    )
    draws = {"": split_set({"query": "a d", "gallery": "b"})}
    first = leaks(draws, samples)
    assert first == (
        "1 identity evaluated here also has train or val samples of the same aspect (audit shows them).",
        "1 gallery sample has the same content as a query of the same draw (audit shows them).",
        "1 gallery sample is of the same group as a query of the same draw (audit shows them).",
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
    draws = {"": split_set({"query": "a c", "gallery": "b d"}, {"query": "b", "gallery": "a d"})}
    assert leaks(draws, samples) == (
        "2 identities evaluated here also have train or val samples of the same aspect (audit shows them).",
        "3 gallery samples have the same content as a query of the same draw (audit shows them).",
        "3 gallery samples are of the same group as a query of the same draw (audit shows them).",
    )


@pytest.mark.parametrize(("aspect", "sentences"), [("left", 1), ("right", 0)])
def test_an_identity_counts_within_its_aspect(aspect: str, sentences: int) -> None:
    samples = pool(
        a={"identity": "1", "aspect": "left"},
        b={"identity": "1", "aspect": "left"},
        c={"identity": "1", "aspect": aspect, "split": "train"},
    )
    assert len(leaks({"": split_set({"query": "a", "gallery": "b"})}, samples)) == sentences


def test_roles_of_the_split_set_go_before_the_samples_own_splits() -> None:
    samples = pool(
        a={"identity": "1", "split": "train"},
        b={"identity": "1", "split": "train"},
        c={"identity": "2", "split": "test"},
        d={"identity": "1", "split": "test"},
    )
    clean = {"": split_set({"query": "a", "gallery": "b", "train": "c"})}
    assert leaks(clean, samples) == ()
    (sentence,) = leaks({"": split_set({"query": "a", "gallery": "b", "train": "c d"})}, samples)
    assert sentence.startswith("1 identity evaluated here")


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "x", "y", "z"]), st.sampled_from(["query", "gallery", "both", "none"])),
        min_size=2,
        max_size=9,
    )
)
def test_met_is_what_comparing_every_pair_finds(rows: list[tuple[str | None, str]]) -> None:
    samples = pool(**{f"s{at}": {"group": value} for at, (value, _) in enumerate(rows)})
    roles = {
        role: " ".join(f"s{at}" for at, (_, mine) in enumerate(rows) if mine in (role, "both"))
        for role in ("query", "gallery")
    }
    expected = sorted(
        {
            g
            for (g, (theirs, answers)), (q, (mine, asks)) in product(enumerate(rows), enumerate(rows))
            if g != q and mine is not None and mine == theirs
            if answers in ("gallery", "both") and asks in ("query", "both")
        }
    )
    found = shared_in_draws([split_set({**roles, "val": "s-none"})], samples, "group")
    assert found.rows.tolist() == expected
    assert found.values == sorted({str(rows[at][0]) for at in expected})
