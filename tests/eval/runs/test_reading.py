"""Samples and split sets of a store."""

from __future__ import annotations

import pytest

from eval.api import evaluate
from eval.runs.reading import resolve_split_set
from retrieval.errors import InputError
from tests.support.identity_stores import memory_store, people


def test_a_split_set_of_which_samples_are_gone_is_refused() -> None:
    store = memory_store(people(6, 4))
    drawn = evaluate(store, "reid")
    smaller = memory_store(people(6, 4)[:-5])
    smaller.save_splits(store.read_splits(drawn.provenance.split_set))
    with pytest.raises(InputError, match=r"5 of the 24 samples of split set monte-carlo/seed0@.* not in the store"):
        evaluate(smaller, "reid", split_set=drawn.provenance.split_set)


ROWS = people(12, 4)


def test_a_split_set_and_a_drawing_protocol_do_not_go_together() -> None:
    store = memory_store(ROWS)
    evaluate(store, "reid")
    with pytest.raises(InputError, match="leave one of them out"):
        evaluate(store, "reid", split_set="monte-carlo", protocol="monte-carlo")
    evaluate(store, "reid", seed=1)
    with pytest.raises(InputError, match=r"may mean monte-carlo/seed0@.*, monte-carlo/seed1@"):
        resolve_split_set(store, "monte-carlo")
