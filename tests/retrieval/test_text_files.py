"""Text and JSON of people: read strictly, refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.errors import InputError, MissingFileError
from retrieval.text_files import parse_yaml, read_csv, read_json, read_text, read_yaml


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe")
    assert read_text(tmp_path / "a.txt") == "Grüße"


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"Gr\xfc")
    with pytest.raises(InputError, match=r"latin\.txt is not UTF-8 text \(byte 3\)"):
        read_text(tmp_path / "latin.txt")
    with pytest.raises(MissingFileError, match=r"none\.txt does not exist"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" \n", "is empty; a list in JSON is needed"),
        ('{"a": 1,\n "a": 2}', "has 'a' twice"),
        ('{"a": {"b": 1, "b": 2}}', "has 'b' twice"),
        ("[NaN]", "has the value NaN"),
        ("[-Infinity]", "has the value -Infinity"),
        ("[1,\n 2", "is not a list in JSON: line 2, column 3"),
        (r'["\ud800"]', "half of a character"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_json(path, "a list")


def test_json_comes_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(r'{"b": [1, 2.5, null], "a": "\u00fc"}')
    assert list(read_json(path, "a list").items()) == [("b", [1, 2.5, None]), ("a", "ü")]


def anything(_: Sequence[str]) -> None:
    """Every header fits."""


def test_rows_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid , label\n 1,"a, b"\n\n2,\n')
    assert list(read_csv(path, anything)) == [(2, {"id": "1", "label": "a, b"}), (4, {"id": "2", "label": ""})]
    path.write_text("id\tlabel\n1\n")
    assert list(read_csv(path, anything, delimiter=None, fill=True)) == [(2, {"id": "1", "label": ""})]


@pytest.mark.parametrize("text", ["id,label\n1\n", "id,label\n1,a,b\n"])
def test_a_row_of_another_width_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=r"a\.csv, row 2: has another number of cells"):
        list(read_csv(tmp_path / "a.csv", anything))


def test_a_csv_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"a\.csv does not exist"):
        list(read_csv(tmp_path / "a.csv", anything))
    (tmp_path / "a.csv").write_bytes(b"id\n\xff\n")
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        list(read_csv(tmp_path / "a.csv", anything))


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAUGHS, "more than 100,000 values, counting each alias"),
        ("a: &a [*a]\n", "a value that contains itself"),
        ("[" * 100_000, "more than 50 levels"),
        ("{a: " * 100_000, "more than 50 levels"),
        ("a: " + "9" * 10_000, "a value that cannot be read"),
        ("a: 2024-13-45\n", "a value that cannot be read"),
        ("a: !!python/object/apply:os.system ['true']\n", "is not YAML"),
        ("a: [\n", "is not YAML"),
        ("a: " + "x" * (1 << 20), "may have 1 MiB"),
    ],
)
def test_yaml_that_is_hostile(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        read_yaml(tmp_path / "r.yaml", "a recipe")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("loop: {epochs: 2}\nbatch: 3\nloop: {epochs: 3}\n", r"r\.yaml, line 3, has 'loop' again \(first in line 1\)"),
        ("a:\n  - b: 1\n    'b': 2\n", "line 3, has 'b' again"),
        ("{a: {b: 1, b: 2}}", "line 1, has 'b' again"),
        ("1: a\n0x1: b\n", "line 2, has '0x1' again"),
    ],
)
def test_yaml_with_a_key_twice_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        read_yaml(tmp_path / "r.yaml", "a recipe")


def test_keys_beside_a_merge_replace_those_in_it(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "a: &a {k: 1, l: 1}\nb: &b {<<: *a, k: 2}\nc: {k: 3, <<: *b}\nd: {<<: [*a, *b], m: 4}\ne: *b\n"
    )
    assert read_yaml(tmp_path / "r.yaml", "a recipe") == {
        "a": {"k": 1, "l": 1}, "b": {"k": 2, "l": 1}, "c": {"k": 3, "l": 1}, "d": {"k": 1, "l": 1, "m": 4},
        "e": {"k": 2, "l": 1},
    }  # fmt: skip


def test_yaml_of_others_may_have_a_key_twice() -> None:
    assert parse_yaml("a: 1\na: 2\n", "a card", unique_keys=False) == {"a": 2}


def test_yaml_with_a_few_aliases_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("base: &base {k: 1}\nmore: {<<: *base, l: [*base, *base]}\nday: '2024-13-45'\n")
    read = read_yaml(tmp_path / "r.yaml", "a recipe")
    assert read["more"] == {"k": 1, "l": [{"k": 1}, {"k": 1}]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" + "9" * 100_000 + "]", "more than 4,300 digits; write it in quotation marks"),
    ],
)
def test_json_that_is_hostile(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=says):
        read_json(tmp_path / "r.json", "a list")


def test_a_text_beyond_the_limit_names_it(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("x" * 100)
    with pytest.raises(InputError, match=r"may have 0 MiB; divide it"):
        read_text(tmp_path / "r.json", "a list", most=99)
