from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import InputError, MissingFileError
from retrieval.labels import read_class_names
from tests.shared import SHARED, needs_shared

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Amanita muscaria", "7", "Boletus édulis")

FORMS = {
    "lines": "Amanita muscaria\n7\nBoletus édulis\n",
    "lines of Windows": "\ufeffAmanita muscaria\r\n7 \r\nBoletus édulis\r\n\r\n",
    "table": "0\tAmanita muscaria\t\n1\t7\t\n2\tBoletus édulis\t\n",
    "table in disorder": "\n2\tBoletus édulis\n0\tAmanita muscaria\tdeadly\n\n1\t7\n",
    "list": json.dumps(NAMES),
    "name to index": json.dumps({"7": 1, "Boletus édulis": 2, "Amanita muscaria": 0}),
    "index to name": '\n {"2": "Boletus édulis", "0": "Amanita muscaria", "1": "7"}',
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_names_in_order(form: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text(FORMS[form], encoding="utf-8", newline="")
    assert read_class_names(tmp_path / "names") == NAMES


WRONG = {
    "empty": ("", "names no class"),
    "blank": (" \n\n", "names no class"),
    "empty list": ("[]", "names no class"),
    "empty object": ("{}", "names no class"),
    "inner blank line": ("a\n\nb\n", "line 2 is blank"),
    "same name": ("a\nb\na\n", "'a' names class 0 and class 2"),
    "same name in JSON": ('{"a": 0, "a": 1}', "'a' names class 0 and class 1"),
    "same index": ("0\ta\n0\tb\n", "index 0 is given to 'a' and to 'b'"),
    "counted from one": ("1\ta\n2\tb\n", "run from 0 to 1 for its 2 names, but 0 is missing"),
    "gap": ("0\ta\n2\tb\n3\tc", "but 1 is missing"),
    "negative": ('{"a": -1, "b": 0}', "but 1 is missing"),
    "header": ("index\tname\n0\ta\n", "line 1: 'index' is not the index"),
    "name first": ("a\t0\n", "line 1: 'a' is not the index"),
    "nameless": ("0\ta\n1\t\n", "class 1 has an empty name"),
    "nameless in JSON": ('["a", " "]', "class 1 has an empty name"),
    "prompts": ('{"a": ["a photo of a"]}', "another form"),
    "truths": ('{"a": true, "b": false}', "another form"),
    "numbers": ("[0, 1]", "another form"),
    "words to words": ('{"a": "b"}', "'a' is not the index"),
    "cut short": ('["a", "b', "not readable JSON"),
}


@pytest.mark.parametrize("form", WRONG)
def test_what_cannot_be_used_is_one_sentence_with_the_file(form: str, tmp_path: Path) -> None:
    text, message = WRONG[form]
    (tmp_path / "names.tsv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_class_names(tmp_path / "names.tsv")
    assert "names.tsv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file of class names"):
        read_class_names(tmp_path / "gone.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        read_class_names(tmp_path)
    (tmp_path / "latin").write_bytes("a\nBoletus édulis\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_class_names(tmp_path / "latin")


@given(
    names=st.lists(st.from_regex(r"[A-Za-z][a-z' ]{0,8}[a-z]", fullmatch=True), min_size=1, unique=True), data=st.data()
)
def test_order_of_pairs_does_not_matter(
    names: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("names") / "names"
    pairs = data.draw(st.permutations(list(enumerate(names))))
    path.write_text("".join(f"{index}\t{name}\n" for index, name in pairs))
    assert read_class_names(path) == tuple(names)
    path.write_text(json.dumps({name: index for index, name in pairs}))
    assert read_class_names(path) == tuple(names)


@needs_shared
def test_the_real_labels() -> None:
    names = read_class_names(SHARED / "mushroom" / "labels.tsv")
    assert len(names) == 169
    assert names[:2] == ("Agaricus augustus", "Agaricus xanthodermus")
