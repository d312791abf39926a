from __future__ import annotations

import pytest

from eval.audit.leaks import draw_rows, learnt_rows, shared_identities
from tests.support.audit_samples import pool, split_set


@pytest.mark.parametrize(("aspect", "shared"), [("left", ["1"]), ("right", [])])
def test_identities_are_shared_within_an_aspect(aspect: str, shared: list[str]) -> None:
    samples = pool(
        a={"identity": "1", "aspect": "left", "split": "test"},
        b={"identity": "1", "aspect": aspect, "split": "train"},
        c={"identity": None, "aspect": "left", "split": "train"},
    )
    learnt = learnt_rows(samples, ())
    assert learnt.tolist() == [False, True, True]
    assert shared_identities(samples, learnt, ~learnt).values == shared
    assert shared_identities(samples, learnt, ~learnt, any_aspect=True).values == ["1"]


def test_samples_that_are_not_in_the_pool_have_no_row() -> None:
    samples = pool(a={}, c={})
    draws = split_set({"query": "a b", "gallery": "c d"})
    assert [[rows.tolist() for rows in sides] for sides in draw_rows([draws], samples)] == [[[0], [1]]]
