from __future__ import annotations

import numpy as np
import pytest

from eval.runs.class_roles import sample_roles, val_warnings, within_universe
from eval.seams.classification import ClassConfig
from retrieval.errors import InputError
from retrieval.types import SplitSet
from tests.support.labelled_stores import drawn, labelled, labels_of, name_of, pool_of, role

POOL = pool_of(labelled(3, {"train": 10, "val": 4, "test": 6}))


def test_a_val_from_train_is_stratified_and_replaces_the_data_sets_own() -> None:
    made = sample_roles(drawn(POOL), POOL, ClassConfig(val_from="train:0.2"))
    before = drawn(POOL)
    assert role(made, "test") == role(before, "test")
    assert role(made, "val") | role(made, "train") == role(before, "train")
    assert not role(made, "val") & role(made, "train")
    assert labels_of(POOL, role(made, "val")) == [name_of(code) for code in range(3) for _ in range(2)]


def test_a_number_of_val_samples_may_be_given() -> None:
    made = sample_roles(drawn(POOL), POOL, ClassConfig(val_from="train:9"))
    assert len(role(made, "val")) == 9
    assert len(role(made, "train")) == 21


def test_a_val_from_train_keeps_groups_together() -> None:
    rows = [
        {**row, "group": f"{row['label']} {at // 3}"} for at, row in enumerate(labelled(3, {"train": 9, "test": 3}))
    ]
    pool = pool_of(rows)
    made = sample_roles(drawn(pool), pool, ClassConfig(val_from="train:0.3"))
    groups = dict(zip(pool.ids.tolist(), pool.columns["group"], strict=True))
    held, kept = ({groups[each] for each in role(made, name)} for name in ("val", "train"))
    assert held
    assert not held & kept


@pytest.mark.parametrize("value", ["0.1", "train", "train:", "train:-1", "train:1.5", "test:0.1", "train:1e-1"])
def test_a_val_that_cannot_be_read(value: str) -> None:
    with pytest.raises(InputError, match=r"write train:0\.1"):
        sample_roles(drawn(POOL), POOL, ClassConfig(val_from=value))


@pytest.mark.parametrize("value", ["train:30", "train:31", "train:0", "train:0.0"])
def test_a_val_that_leaves_nothing(value: str) -> None:
    with pytest.raises(InputError, match="leaves nothing"):
        sample_roles(drawn(POOL), POOL, ClassConfig(val_from=value))


def test_a_val_from_classes_of_one_image_each() -> None:
    pool = pool_of(labelled(3, {"train": 1, "test": 1}))
    with pytest.raises(InputError, match="two train samples"):
        sample_roles(drawn(pool), pool, ClassConfig(val_from="train:0.5"))


def test_without_train_there_is_no_val_from_it() -> None:
    pool = pool_of(labelled(3, {"test": 3}))
    with pytest.raises(InputError, match="`protocol=holdout`"):
        sample_roles(drawn(pool), pool, ClassConfig(val_from="train:5"))


def test_limits_keep_so_many_samples_drawn_by_their_own_seed() -> None:
    limits = {"train_limit": 7, "val_n": 5, "test_n": 4}
    made = sample_roles(drawn(POOL), POOL, ClassConfig.read(limits, "test"))
    again = sample_roles(drawn(POOL), POOL, ClassConfig.read(limits, "test"))
    other = sample_roles(drawn(POOL), POOL, ClassConfig.read({**limits, "sample_seed": 1}, "test"))
    assert [len(role(made, name)) for name in ("train", "val", "test")] == [7, 5, 4]
    assert made.sha256 == again.sha256 != other.sha256
    for name in ("train", "val", "test"):
        assert role(made, name) <= role(drawn(POOL), name)


def test_a_limit_beyond_what_there_is_changes_nothing() -> None:
    made = sample_roles(drawn(POOL), POOL, ClassConfig(train_limit=1000, val_n=1000, test_n=1000))
    assert made.sha256 == drawn(POOL).sha256


def test_one_limit_does_not_move_the_other_roles() -> None:
    whole = sample_roles(drawn(POOL), POOL, ClassConfig(test_n=4))
    both = sample_roles(drawn(POOL), POOL, ClassConfig(test_n=4, train_limit=3))
    assert role(whole, "test") == role(both, "test")


def test_every_draw_is_sampled_by_itself() -> None:
    splits = drawn(POOL, "k-fold", folds=3)
    made = sample_roles(splits, POOL, ClassConfig(val_from="train:0.25", test_n=5))
    for draw in range(3):
        train, val, test = (role(made, name, draw) for name in ("train", "val", "test"))
        assert len(test) == 5
        assert train | val == role(splits, "train", draw)
        assert val
        assert not test & (train | val)


def test_samples_of_other_labels_are_left_out_and_counted() -> None:
    found = within_universe(drawn(POOL), POOL, (name_of(0), name_of(2)))
    assert found.outside == 6
    for name in ("val", "test"):
        assert set(labels_of(POOL, role(found.splits, name))) == {name_of(0), name_of(2)}
    assert role(found.splits, "train") == role(drawn(POOL), "train")


def test_a_universe_without_the_tested_labels() -> None:
    with pytest.raises(InputError, match=r"2 names \(the first is 'wolf'\); check `labels_from`"):
        within_universe(drawn(POOL), POOL, ("wolf", "fox"))


def test_a_draw_whose_test_samples_all_have_other_labels() -> None:
    first, second = (POOL.ids[POOL.among("label", name_of(code))][:2] for code in (0, 1))
    samples = np.array([first[0], second[0], first[1], second[1]])
    splits = SplitSet("own", np.array([0, 0, 1, 1]), samples, np.array(["test", "train"] * 2))
    splits.role[2:] = ["train", "test"]
    assert within_universe(splits, POOL, (name_of(0), name_of(1))).outside == 0
    with pytest.raises(InputError, match="of draw 1 is in the label universe"):
        within_universe(splits, POOL, (name_of(0), name_of(2)))


def test_a_draw_without_test_samples() -> None:
    splits = SplitSet("own", np.array([0, 1]), POOL.ids[:2], np.array(["test", "train"]))
    with pytest.raises(InputError, match="no test samples of draw 1"):
        within_universe(splits, POOL, tuple(map(str, POOL.values("label"))))


def test_a_val_that_is_not_what_was_asked_for_is_told() -> None:
    pool = pool_of(labelled(4, {"train": 10, "val": 3, "test": 2}))
    before = drawn(pool)
    for wanted, words in (
        ("train:2", "4 samples a draw, not 2"),
        ("train:8", "12 val samples there were are not used"),
    ):
        config = ClassConfig(val_from=wanted)
        assert words in " ".join(val_warnings(before, sample_roles(before, pool, config), config))
    assert val_warnings(before, before, ClassConfig()) == ()
