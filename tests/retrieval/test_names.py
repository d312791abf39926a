"""Spellings that may be of one name, and placeholders."""

from __future__ import annotations

import pytest

from retrieval.names import (
    clean_name,
    is_placeholder,
    joined_names,
    loose_spelling,
    placeholders,
    shown_name,
    spelling,
    suspected_doubles,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" 7 ", "7"),
        ("\u00a0Amanita\u3000", "Amanita"),
        ("owl\u200b", "owl"),
        ("\ufeffowl", "owl"),
        ("\u200b \u200d", None),
        ("  ", None),
        ("Le\u0301zard", "L\u00e9zard"),
        ("Red  fox", "Red  fox"),
    ],
)
def test_white_space_and_invisible_characters_are_no_part_of_a_name(text: str, name: str | None) -> None:
    assert clean_name(text) == name


DOUBLES = [
    ("3", "3.0"), ("3", "003"), ("003", "3.0"), ("1000", "1e3"), ("1000", "1.00E+03"), ("0", "00"), ("A1", "a1"),
    ("Amanita muscaria", "Amanita_muscaria"), ("Amanita muscaria", "amanita-muscaria"), ("red fox", "red\u00a0fox"),
    ("turtle_03", "Turtle 3"), ("turtle_3.0", "turtle_3"), ("David's deer", "David\u2019s deer"), ("-1", "-1.0"),
    ("\uff21\uff11", "A1"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DOUBLES)
def test_spellings_that_may_be_of_one_name_are_found(one: str, other: str) -> None:
    assert suspected_doubles({one: 2, other: 1, "else": 5}) == [((one, 2), (other, 1))]
    assert joined_names({one: 2, other: 1, "else": 5}) == {other: one}


SINGLE = [
    ("10", "100"), ("1", "-1"), ("0001", "-1"), ("0.5", "0.05"), ("3.1", "3.10"), ("red fox", "redfox"),
    ("0a1bc", "a01bc"), ("10e06", "100e5"), ("turtle_1", "turtle_11"), ("007", "070"), ("C", "C#"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SINGLE)
def test_different_names_are_not(one: str, other: str) -> None:
    assert not suspected_doubles({one: 2, other: 1})


def test_ordinary_names_have_no_doubles() -> None:
    numbers = [f"{at:04d}" for at in range(2000)]
    hashes = [f"{at * 7919 % 65536:04x}" for at in range(20_000)]
    assert not suspected_doubles(dict.fromkeys(numbers, 3))
    assert not suspected_doubles(dict.fromkeys(map(str, range(2000)), 3))
    assert not suspected_doubles(dict.fromkeys(hashes, 3))


def test_most_samples_decide_the_name() -> None:
    counts = {"003": 1, "3.0": 4, "3": 4, "8": 1, "08": 9}
    assert suspected_doubles(counts) == [(("08", 9), ("8", 1)), (("3", 4), ("3.0", 4), ("003", 1))]
    assert joined_names(counts) == {"8": "08", "3.0": "3", "003": "3"}
    assert (spelling("Red_Fox -x"), loose_spelling("No. 007")) == ("red fox x", "no. 7")


PLACEHOLDERS = [
    "unknown", "Unknown", "unidentified bird", "unknown sp.", "nan", "NA", "n/a", "#N/A", "None", "null", "<NA>", "-",
    "?", "??", "-1", "-1.0", "-999", "new_whale", "new_individual", "New individual", "sp.", "indet.", "not identified",
]  # fmt: skip
NAMES = ["0", "1", "-3", "New York", "Newton", "Nancy", "unknown_1", "Amanita sp.", "SP", "Nat", "A", "Nil Nadu"]


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_placeholders(name: str) -> None:
    assert is_placeholder(name, "identity")
    assert is_placeholder(name, "label")


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_no_placeholders(name: str) -> None:
    assert not is_placeholder(name, "identity")
    assert not is_placeholder(name, "label")


def test_placeholders_hold_several_samples() -> None:
    assert placeholders({"unknown": 1, "?": 2, "NA": 7, "b": 9}, "label") == (("NA", 7), ("?", 2))
    assert placeholders({"unknown": 1, "b": 9}, "label", least=1) == (("unknown", 1),)
    assert is_placeholder("new_7", "identity")
    assert not is_placeholder("new_holland_honeyeater", "label")
    assert placeholders({"-1": 5, "1": 5}, "label") == ()  # the two answers of a question
    assert placeholders({"-1": 5, "1": 5}, "identity") == (("-1", 5),)


def test_a_space_that_is_none_is_shown() -> None:
    assert shown_name("red\u00a0fox") == r"'red\xa0fox'"
    assert shown_name("red fox") == "'red fox'"
