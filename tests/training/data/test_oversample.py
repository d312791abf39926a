"""Oversampling: classes to a number, values of a column to a share, equally many in every epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import InputError, UnknownNameError
from training.data.oversample import repeat_notes, repeated_rows
from training.data.training_data import TrainingData

CLASSES = ("a", "b", "c")
LABELS = np.repeat([0, 1, 2], [20, 5, 1])
TRAIN = np.array([row for row in range(26) if row % 10 != 9])  # rows 9 and 19 are val
CONDITION = np.array(["fine", "cracked", "fine", "fine", "silted"] * 5 + [None], np.object_)


def data_with(spec: dict[str, float]) -> TrainingData:
    """Training data with the three classes and a condition."""
    role = np.where(np.isin(np.arange(26), TRAIN), "train", "val")
    columns = {"meta_condition": CONDITION}
    repeats = repeated_rows(spec, TRAIN, LABELS, CLASSES, columns)
    ids = np.arange(26).astype(np.str_)
    return TrainingData(ids, ids, CLASSES, LABELS, role, columns, repeats=repeats)


def test_a_class_has_its_number_in_every_epoch() -> None:
    data = data_with({"b": 12, "c": 7})
    for epoch in range(3):
        rows = data.epoch_rows(0, epoch)
        assert np.bincount(LABELS[rows]).tolist() == [18, 12, 7]
        times = Counter(rows.tolist())
        assert {times[row] for row in TRAIN if LABELS[row] == 1} == {2, 3}
        assert set(rows.tolist()) == set(TRAIN.tolist())
    assert data.epoch_rows(0, 1).tolist() == data.epoch_rows(0, 1).tolist()
    assert data.epoch_rows(0, 1).tolist() != data.epoch_rows(0, 2).tolist()
    assert repeat_notes({"b": 12, "c": 7}, TRAIN, data.repeats) == (
        "Oversampling: an epoch has 37 samples, 13 of them repeated.",
    )


@settings(max_examples=50)
@given(st.floats(0.01, 0.5), st.floats(0.01, 0.45))
def test_values_of_a_column_have_their_shares_or_more(cracked: float, silted: float) -> None:
    rows = data_with({"condition=cracked": cracked, "condition=silted": silted}).epoch_rows(0, 0)
    cells = CONDITION[rows]
    for value, share in (("cracked", cracked), ("silted", silted)):
        number, usual = int((cells == value).sum()), int((CONDITION[TRAIN] == value).sum())
        assert number == usual or abs(number - share * len(rows)) <= 1
        assert number >= share * len(rows) - 1
    assert (cells == "fine").sum() == (CONDITION[TRAIN] == "fine").sum()


def test_what_cannot_be_oversampled_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="No class to oversample 'bb'"):
        data_with({"bb": 10})
    with pytest.raises(UnknownNameError, match=r"No column to oversample by 'condtion'\. Did you mean 'condition'"):
        data_with({"condtion=fine": 0.5})
    with pytest.raises(InputError, match=r"'condition' is a column.* such as `data.oversample.condition=VALUE=0.3`"):
        data_with({"condition": 0.5})
    with pytest.raises(UnknownNameError, match=r"No value of column .* 'craked'\. Did you mean 'cracked'"):
        data_with({"condition=craked": 0.5})
    with pytest.raises(InputError, match="the class has 18 train samples"):
        data_with({"a": 10})
    with pytest.raises(InputError, match=r"'b': 12\.5 cannot be used"):
        data_with({"b": 12.5})
    with pytest.raises(InputError, match=r"add up to 1\.1 of an epoch"):
        data_with({"condition=fine": 0.5, "condition=cracked": 0.6})
