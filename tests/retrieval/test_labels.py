from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InputError
from retrieval.labels import numbered_names, read_class_names
from tests.support.shared_data import SHARED, needs_shared


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.tsv", "1\tB\t\n0\tA a\t\n"),
        ("names.txt", "\ufeffA a\r\n\r\nB\r\n"),
        ("names.json", '["A a", "B"]'),
        ("names.json", '{"B": 1, "A a": 0}'),
        ("names.json", '{"B": "1", "A a": "0"}'),
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
        ("a.tsv", "index\tname\n0\ta\n1\tb\n", "'index' is no index"),
        ("a.tsv", "0\ta\n1\t \n", "index without a name"),
        ("a.json", '["a", 3]', "not a list of class names"),
        ("a.json", '"a"', "not a list of class names"),
        ("a.json", "a", "line 1"),
        ("a.json", '{"cat": 0, "dog": "1"}', "class 'cat' has 0"),
        ("a.json", '{"cat": "0", "dog": "a dog"}', "class 'cat' has \"0\""),
        ("a.json", '{"cat": 0.0, "dog": 1.0}', "no list of indexes"),
        ("a.json", '{"cat": null}', "no list of prompts"),
    ],
)
def test_what_is_no_list_of_names(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_class_names(tmp_path / name)
    assert says in str(error.value)


@given(
    names=st.lists(st.from_regex(r"[A-Za-z][a-z' ]{0,8}[a-z]", fullmatch=True), min_size=1, unique=True), data=st.data()
)
def test_the_order_of_pairs_does_not_matter(
    names: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("names") / "names"
    pairs = data.draw(st.permutations(list(enumerate(names))))
    path.write_text("".join(f"{index}\t{name}\n" for index, name in pairs))
    assert read_class_names(path) == tuple(names)
    path.with_suffix(".json").write_text(json.dumps({name: index for index, name in pairs}))
    assert read_class_names(path.with_suffix(".json")) == tuple(names)


@needs_shared
def test_the_mushroom_labels() -> None:
    names = read_class_names(SHARED / "mushroom" / "labels.tsv")
    assert (len(names), names[0], names[-1]) == (169, "Agaricus augustus", "Xanthoria parietina")
    assert set(read_class_names(SHARED / "mushroom" / "delta_prompts.json")) == set(names)


def test_names_by_number() -> None:
    assert numbered_names(["cat", " dog"]) == numbered_names({"0": "cat", 1: "dog"}) == {0: "cat", 1: "dog"}
    assert numbered_names(None) == numbered_names("cat") == numbered_names([]) == {}
    with pytest.raises(ValueError, match="'cat' in its names is not the number of a class; count from 0"):
        numbered_names({"cat": 0})
