from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import InputError
from retrieval.labels import read_class_names
from tests.shared import SHARED, needs_shared


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.tsv", "1\tB\t\n0\tA a\t\n"),
        ("names.txt", "\ufeffA a\r\n\r\nB\r\n"),
        ("names.json", '["A a", "B"]'),
        ("names.json", '{"B": 1, "A a": 0}'),
        ("names.json", '{"1": "B", "0": "A a"}'),
        ("prompts.json", '{"A a": ["a text"], "B": "a text"}'),
    ],
)
def test_names_in_every_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_class_names(tmp_path / name) == ("A a", "B")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "\n", "no class name"),
        ("a.json", "[]", "no class name"),
        ("a.json", '{"1": "a", "2": "b"}', "no index 0"),
        ("a.tsv", "0\ta\n2\tb\n", "no index 1"),
        ("a.tsv", "0\ta\n0\tb\n", "index 0 twice"),
        ("a.json", '{"a": 0, "b": 0}', "index 0 twice"),
        ("a.txt", "a\nb\na\n", "'a' 2 times"),
        ("a.tsv", "0\ta\n1\t \n", "index without a name"),
        ("a.json", '["a", 3]', "not a list of class names"),
        ("a.json", '"a"', "not a list of class names"),
        ("a.json", "a", "line 1"),
    ],
)
def test_what_is_no_list_of_names(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_class_names(tmp_path / name)
    assert says in str(error.value)


@needs_shared
def test_the_mushroom_labels() -> None:
    names = read_class_names(SHARED / "mushroom" / "labels.tsv")
    assert (len(names), names[0], names[-1]) == (169, "Agaricus augustus", "Xanthoria parietina")
    assert set(read_class_names(SHARED / "mushroom" / "delta_prompts.json")) == set(names)
