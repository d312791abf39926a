"""Tables of attributes."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.prompts.attributes import join_attributes, read_attributes
from retrieval.errors import InputError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.json",
            '{"A b": {"colour": ["red", "tan"], "cap": "flat"}, "C": {"colour": null, "cap": ["flat", "flat"]}}',
        ),
        ("a.csv", "cap,species,colour\nflat,A b,red;tan\nflat ; flat,C,\n"),
        ("a.tsv", "\ufefflabel\tcap\tcolour\r\nA b\tflat\tred\r\nA b\t\ttan\r\nC\tflat\t \r\n"),
        ("b.csv", 'thing,cap,colour\nA b,flat,"red; tan"\nC,flat\n'),
    ],
)
def test_tables_of_attributes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_attributes(tmp_path / name) == {
        "A b": {"colour": ("red", "tan"), "cap": ("flat",)},
        "C": {"cap": ("flat",)},
    }


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", '["red"]', "no table of attributes"),
        ("a.json", '{"a": "red"}', "class 'a' needs its attributes by name"),
        ("a.json", '{"a": {"colour": [3]}}', "attribute 'colour' of class 'a'"),
        ("a.json", '{"a": {"colour": ""}}', "attribute 'colour' of class 'a'"),
        ("a.json", '{"a": {}}', "no attribute of any class"),
        ("a.csv", "", "header"),
        ("a.csv", "species\na\n", "header"),
        ("a.csv", "species,cap,cap\na,b,c\n", "header"),
        ("a.csv", "species,cap\na,flat,red\n", "row 2: has another number of cells"),
        ("a.csv", "species,cap\n,flat\n", "line 2: there is no name"),
        ("a.csv", "species,cap\na,\n", "no attribute of any class"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_attributes(tmp_path / name)
    assert says in str(error.value)


def test_later_tables_count() -> None:
    first, second = {"a": {"x": ("1",), "y": ("2",)}}, {"a": {"x": ("3",)}, "b": {"x": ("4",)}}
    assert join_attributes(first, second) == {"a": {"x": ("3",), "y": ("2",)}, "b": {"x": ("4",)}}
