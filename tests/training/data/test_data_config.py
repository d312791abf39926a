"""The section ``data`` of a recipe."""

from __future__ import annotations

import pytest

from retrieval.errors import InputError, UnknownOptionError
from training.data.data_config import DataConfig


def test_labels_that_are_numbers_are_texts() -> None:
    config = DataConfig.read({"aspect": 1, "oversample": {7: 30, "condition=damaged": 0.5}}, "recipe")
    assert (config.aspect, config.oversample) == ("1", {"7": 30, "condition=damaged": 0.5})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val_identities": 0.1, "val_from": "train:0.1"}, "val_identities and val_from exclude"),
        ({"shots": 2, "limit_per_class": 3}, "limit_per_class and shots exclude"),
        ({"split_set": "x", "protocol": "hd"}, "split_set and protocol exclude"),
        ({"draw": 1}, "draw is of a split set"),
        ({"val_identities": 1.5}, "val_identities=1.5"),
        ({"oversample": {"a": 0}}, "oversample"),
        (
            {"oversample": {"habitat": "moss"}},
            r"the share of 'moss' .* as `data.oversample.habitat=moss=0.3`, or",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DataConfig.read(options, "recipe")


def test_an_unknown_key_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownOptionError, match="Did you mean 'val_identities'"):
        DataConfig.read({"val_identites": 0.1}, "recipe")
