from __future__ import annotations

from typing import Any

import pytest

from eval.scorers.options import Positive, ValueList
from retrieval.config import Config
from retrieval.errors import InputError


class Options(Config):
    beta: ValueList[Positive] = (5.5,)
    k: ValueList[int] = (1,)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, (5.5,)),
        ({"beta": 2}, (2.0,)),
        ({"beta": 2.5}, (2.5,)),
        ({"beta": "3"}, (3.0,)),
        ({"beta": "3, 1,2"}, (3.0, 1.0, 2.0)),
        ({"beta": [4, 0.5]}, (4.0, 0.5)),
        ({"beta": "1,2,1.0"}, (1.0, 2.0)),
    ],
)
def test_one_or_several_in_the_order_given_each_once(given: dict[str, Any], read: tuple[float, ...]) -> None:
    options = Options.read(given, "-o")
    assert options.beta == read
    assert Options.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize("wrong", ["", "1,,2", [], "a", 0, -1, float("nan"), float("inf"), 1e7, None])
def test_what_is_no_number_above_zero_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="beta"):
        Options.read({"beta": wrong}, "-o")


def test_a_fraction_is_no_count() -> None:
    with pytest.raises(InputError, match="k"):
        Options.read({"k": 1.5}, "-o")
