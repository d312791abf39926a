from __future__ import annotations

import numpy as np
import pytest

from eval.audit.checks import (
    content_findings,
    data_roles,
    group_findings,
    identity_findings,
    size_findings,
    vector_findings,
)
from tests.support.audit_samples import pool, said, split_set


def test_an_identity_in_train_and_test_is_an_error_within_an_aspect_and_a_note_under_another() -> None:
    samples = pool(
        a={"identity": "1", "aspect": "left", "split": "train"},
        b={"identity": "1", "aspect": "left", "split": "test"},
        c={"identity": "2", "aspect": "left", "split": "val"},
        d={"identity": "2", "aspect": "right", "split": "test"},
        e={"identity": "3", "aspect": "left", "split": "train"},
        f={"identity": "4", "aspect": "left", "split": "test"},
        g={"identity": None, "aspect": "left", "split": "train"},
        h={"identity": None, "aspect": "left", "split": "test"},
    )
    found = identity_findings(samples, data_roles(samples, ()))
    assert said(found) == {
        "shared-identity": ("error", [("a", "b")]),
        "shared-identity-other-aspect": ("note", [("c", "d")]),
    }
    assert found[0].items[0].detail == "identity 1: 1 train or val samples, 1 test samples"


@pytest.mark.parametrize(
    ("first", "second", "check", "severity"),
    [
        ("train", "test", "duplicate-across-splits", "error"),
        ("val", "gallery", "duplicate-across-splits", "error"),
        ("query", "gallery", "duplicate-in-draw", "error"),
        ("query", "query", "duplicate", "note"),
        ("train", "val", "duplicate-train-val", "warning"),
        (None, None, "duplicate", "note"),
    ],
)
def test_the_same_content_is_told_by_how_it_meets(
    first: str | None, second: str | None, check: str, severity: str
) -> None:
    samples = pool(
        a={"identity": "1", "key": "same", "split": first},
        b={"identity": "1", "key": "same", "split": second},
        c={"identity": "1", "split": "query"},
    )
    found = content_findings(samples, data_roles(samples, ()))
    assert said(found) == {check: (severity, [("a", "b")])}


def test_draws_are_looked_at_one_by_one() -> None:
    samples = pool(a={"key": "same", "group": "g"}, b={"key": "same", "group": "g"}, c={}, d={})
    apart = data_roles(samples, [split_set({"query": "a c", "gallery": "d"}, {"query": "c", "gallery": "b d"})])
    assert said(content_findings(samples, apart)) == {"duplicate": ("note", [("a", "b")])}
    assert group_findings(samples, apart) == []
    second = data_roles(samples, [split_set({"query": "a", "gallery": "d"}, {"query": "b c", "gallery": "a"})])
    assert said(content_findings(samples, second)) == {"duplicate-in-draw": ("error", [("a", "b")])}
    assert said(group_findings(samples, second)) == {"group-in-draw": ("error", [("a", "b")])}


def test_a_sample_that_is_query_and_gallery_does_not_meet_itself() -> None:
    samples = pool(a={"key": "same", "group": "g"}, b={"key": "same", "group": "g"}, c={})
    alone = data_roles(samples, [split_set({"query": "a c", "gallery": "a c"})])
    assert group_findings(samples, alone) == []
    both = data_roles(samples, [split_set({"query": "a b c", "gallery": "a b c"})])
    assert said(group_findings(samples, both)) == {"group-in-draw": ("error", [("a", "b")])}


def test_names_that_conflict_on_one_content() -> None:
    samples = pool(
        a={"key": "same", "identity": "1", "label": "x"},
        b={"key": "same", "identity": "2", "label": "x"},
        c={"key": "same", "identity": None, "label": "x"},
        d={"key": "fine", "identity": "1"},
        e={"key": "fine", "identity": "1", "label": "y"},
    )
    found = content_findings(samples, data_roles(samples, ()))
    assert said(found)["conflicting-names"] == ("error", [("a", "b", "c")])
    (item,) = next(one.items for one in found if one.check == "conflicting-names")
    assert item.detail == "identity 1 and 2"


def test_groups_in_train_and_test() -> None:
    samples = pool(
        a={"group": "g", "split": "train"},
        b={"group": "g", "split": "test"},
        c={"group": "h", "split": "test"},
        d={"group": "h", "split": "test"},
        e={"group": None, "split": "train"},
        f={"group": None, "split": "test"},
    )
    assert said(group_findings(samples, data_roles(samples, ()))) == {"group-across-splits": ("error", [("a", "b")])}


def test_classes_too_small_for_the_protocol() -> None:
    samples = pool(
        a={"identity": "1", "aspect": "left", "split": "test", "label": "x"},
        b={"identity": "1", "aspect": "right", "split": "test", "label": "x"},
        c={"identity": "1", "aspect": "right", "split": "test", "label": "y"},
        d={"identity": "2", "aspect": "right", "split": "train", "label": "x"},
    )
    found = size_findings(samples, data_roles(samples, ()))
    assert said(found) == {"single-image-identity": ("note", [("a",)]), "label-not-in-train": ("warning", [("c",)])}
    assert found[0].items[0].detail == "identity 1, left: one sample, so no query"
    assert found[1].items[0].detail == "label y: 1 test samples"


def test_without_train_images_no_label_is_missing_and_without_roles_all_are_judged() -> None:
    unsplit = pool(a={"identity": "1", "label": "x"}, b={"identity": "2", "label": "x"}, c={"identity": "2"})
    assert said(size_findings(unsplit, data_roles(unsplit, ()))) == {"single-image-identity": ("note", [("a",)])}
    tested = pool(a={"label": "x", "split": "test"}, b={"label": "y", "split": "test"})
    assert size_findings(tested, data_roles(tested, ())) == []


def test_samples_without_a_vector() -> None:
    samples = pool(a={}, b={}, c={})
    (found,) = vector_findings(samples, np.array([True, False, True]), "model@1234")
    assert said([found]) == {"no-vector": ("warning", [("b",)])}
    assert "space model@1234; index the same images again" in found.message
    assert vector_findings(samples, np.ones(3, np.bool_), "model@1234") == []


def test_a_sample_that_every_draw_gives_another_role_is_learnt_from_and_shares_nothing_with_itself() -> None:
    samples = pool(a={"identity": "1"}, b={"identity": "2"})
    roles = data_roles(samples, [split_set({"train": "a", "test": "b"}, {"train": "b", "test": "a"})])
    assert identity_findings(samples, roles) == []
