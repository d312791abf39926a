"""Samples that take no part because of their split are told of."""

from __future__ import annotations

import numpy as np

from eval.protocols.cross_validation import SplitOptions
from eval.runs.split_notes import identified_without_part, labelled_without_part, val_as_test
from eval.seams.samples import Pool
from retrieval.types import SplitSet


def pool(*splits: str | None) -> Pool:
    ids = np.array([f"s{at}" for at in range(len(splits))])
    columns = {"split": np.array(splits, object), "identity": np.array(["x"] * len(splits), object)}
    return Pool(ids, columns)


def roles(*samples: str) -> SplitSet:
    return SplitSet("", np.zeros(len(samples), np.int64), np.array(samples, np.str_), np.array(["test"] * len(samples)))


def test_labelled_samples_without_a_role_are_counted_by_split() -> None:
    samples = pool("test", None, None, "gallery")
    assert labelled_without_part(samples, roles("s0")) == (
        "Labelled samples that take no part: 2 without a split, 1 of split gallery.",
    )
    assert labelled_without_part(samples, roles("s0", "s1", "s2", "s3")) == ()


def test_identified_samples_without_a_split_are_told_of_only_beside_others() -> None:
    used = np.array([True, False])
    assert identified_without_part(pool("test", None), used) == (
        "1 samples with an identity have no split and take no part, as others have one.",
    )
    assert identified_without_part(pool("test", "train"), used) == ()
    assert identified_without_part(pool(None, None), used) == ()


def test_a_test_on_val_is_told_of() -> None:
    assert val_as_test(SplitOptions(test_from="val")) == ("The tested samples are of split val.",)
    assert val_as_test(SplitOptions()) == ()
