from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.protocols.cross_validation import generator, group_codes, stratified_subsets
from eval.seams.samples import Pool
from retrieval.errors import InputError
from retrieval.types import Int64
from tests.support.labelled_stores import drawn, labelled, labels_of, name_of, pool_of, role

POOL = pool_of(labelled(3, {"train": 10, "val": 4, "test": 6}))
GROUPED = pool_of(
    [
        {"uri": f"{code}/{at}.jpg", "label": name_of(code), "group": None if at > 8 else f"burst {code} {at // 3}"}
        for code in range(4)
        for at in range(12)
    ]
)


Shares = st.lists(st.floats(0, 0.6), min_size=1, max_size=2).map(tuple)
LabelsAndGroups = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=60)


def divided(samples: list[tuple[int, int]], shares: Any, seed: int) -> tuple[Any, Int64, Int64]:
    labels = np.array([f"c{label}" for label, _ in samples])
    groups = np.array([group for _, group in samples])
    return labels, groups, stratified_subsets(labels, groups, shares, generator(seed, 0))


@given(LabelsAndGroups, Shares, st.integers(0, 5))
def test_units_are_never_torn_apart_and_train_is_served_first(
    samples: list[tuple[int, int]], shares: Any, seed: int
) -> None:
    labels, groups, part = divided(samples, shares, seed)
    assert part.min() >= 0
    assert part.max() <= len(shares)
    for group in np.unique(groups):
        assert len(np.unique(part[groups == group])) == 1
    pure = {group for group in groups.tolist() if len(set(labels[groups == group])) == 1}
    for label in np.unique(labels):
        members = np.array([group in pure for group in groups]) & (labels == label)
        if members.any():
            assert (part[members] == 0).any()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), Shares, st.integers(0, 5))
def test_every_class_is_divided_alike(sizes: list[int], shares: Any, seed: int) -> None:
    labels = np.repeat([f"c{code}" for code in range(len(sizes))], sizes)
    part = stratified_subsets(labels, np.arange(len(labels)), shares, generator(seed, 0))
    for code, size in enumerate(sizes):
        counts = np.bincount(part[labels == f"c{code}"], minlength=len(shares) + 1)
        left = size - 1
        for number, share in enumerate(shares, start=1):
            expected = min(max(1, round(size * share)) if share > 0 else 0, left)
            assert counts[number] == expected
            left -= expected


def test_a_burst_of_two_classes_does_not_spoil_the_shares_of_the_others() -> None:
    labels = np.array(["a"] * 40 + ["b"] * 4 + ["a", "b"])
    groups = np.array([*range(44), 44, 44])
    for seed in range(20):
        part = stratified_subsets(labels, groups, (0.25,), generator(seed, 0))
        assert (part[:40] == 1).sum() == 10
        assert (part[40:44] == 1).sum() == 1


def test_a_draw_is_another_but_the_same_for_the_same_seed() -> None:
    labels, groups = np.repeat(["a", "b"], 20), np.arange(40)
    first, again, other, seed = (
        stratified_subsets(labels, groups, (0.3,), generator(*key)) for key in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, seed)


def test_a_sample_without_a_group_is_a_group_of_its_own() -> None:
    codes = group_codes(GROUPED)
    groups = GROUPED.columns["group"]
    for a in range(len(GROUPED)):
        for b in range(a):
            assert (codes[a] == codes[b]) == (groups[a] is not None and groups[a] == groups[b])
    bare = Pool(GROUPED.ids, {name: values for name, values in GROUPED.columns.items() if name != "group"})
    assert np.array_equal(group_codes(bare), np.arange(len(GROUPED)))


def test_a_sample_and_a_group_of_the_same_name_are_two_groups() -> None:
    pool = Pool(np.array(["a", "b"]), {"group": np.array([None, "a"], np.object_)})
    assert len(np.unique(group_codes(pool))) == 2


@pytest.mark.parametrize("protocol", ["holdout", "k-fold"])
def test_drawn_protocols_keep_groups_together_and_use_every_sample_once(protocol: str) -> None:
    splits = drawn(GROUPED, protocol, draws=3 if protocol == "holdout" else None)
    groups = dict(zip(GROUPED.ids.tolist(), group_codes(GROUPED).tolist(), strict=True))
    for draw in np.unique(splits.draw).tolist():
        parts = [role(splits, name, draw) for name in ("train", "val", "test")]
        assert sum(map(len, parts)) == len(set().union(*parts)) == len(GROUPED)
        grouped = [{groups[sample] for sample in part} for part in parts]
        assert not grouped[0] & grouped[1] | grouped[0] & grouped[2] | grouped[1] & grouped[2]
        assert parts[2]


def test_holdout_gives_every_class_its_shares() -> None:
    pool = pool_of(labelled(3, {"any": 20}))
    splits = drawn(pool, "holdout", test_share=0.25, val_share=0.1)
    for name, each in (("test", 5), ("val", 2), ("train", 13)):
        assert labels_of(pool, role(splits, name)) == sorted(pool.values("label") * each)
    assert drawn(pool, "holdout", seed=1).sha256 != drawn(pool, "holdout").sha256
    assert role(drawn(pool, "holdout", draws=3), "test", 0) == role(drawn(pool, "holdout"), "test")


def test_holdout_of_one_image_per_class() -> None:
    with pytest.raises(InputError, match="two samples"):
        drawn(pool_of(labelled(4, {"any": 1})), "holdout")


def test_holdout_shares_must_leave_something() -> None:
    with pytest.raises(InputError, match="leave nothing to train on"):
        drawn(POOL, "holdout", test_share=0.6, val_share=0.4)


def test_k_fold_tests_every_sample_once_in_folds_of_nearly_one_size() -> None:
    pool = pool_of(labelled(3, {"any": 7}))
    splits = drawn(pool, "k-fold", folds=4)
    tested = [role(splits, "test", draw) for draw in range(4)]
    assert sorted(each for fold in tested for each in fold) == sorted(pool.ids.tolist())
    assert {len(fold) for fold in tested} <= {5, 6}
    for fold in tested:
        counts = [labels_of(pool, fold).count(name_of(code)) for code in range(3)]
        assert max(counts) - min(counts) <= 1


def test_k_fold_needs_as_many_groups_as_folds() -> None:
    with pytest.raises(InputError, match="smaller `folds`"):
        drawn(pool_of(labelled(2, {"any": 2})), "k-fold", folds=5)


def test_a_data_set_without_splits_is_test_as_a_whole() -> None:
    pool = pool_of([{**row, "split": None} for row in labelled(2, {"test": 3})])
    assert role(drawn(pool), "test") == set(pool.ids.tolist())


def test_a_data_set_without_a_test_split() -> None:
    with pytest.raises(InputError, match="`protocol=holdout`"):
        drawn(pool_of(labelled(2, {"train": 3})))
