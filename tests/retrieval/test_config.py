from __future__ import annotations

from typing import Any

import pytest

from retrieval.config import parse_assignments
from retrieval.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-1", -1),
        ("0", 0),
        ("0.3", 0.3),
        ("true", True),
        ("", None),
        ("[1, 2]", [1, 2]),
        ("1,2", "1,2"),
        ("0001101", "0001101"),
        (" 0012 ", "0012"),
        ("-01", "-01"),
        ("007,-1", "007,-1"),
    ],
)
def test_values_are_numbers_unless_zeros_would_be_lost(text: str, value: Any) -> None:
    assert parse_assignments([f"a-b={text}"], "-o") == {"a_b": value}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["k"], "-o 'k' is not key=value."),
        (["=1"], "-o '=1' is not key=value."),
        (["k=1", "k=2"], "-o k is given twice."),
        (["k=["], "-o k: '[' is not a value that can be read."),
    ],
)
def test_what_is_no_assignment(pairs: list[str], message: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_assignments(pairs, "-o")
    assert str(raised.value) == message
