from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from indexers.tables import open_table
from indexers.tables.json_table import JsonTable
from retrieval.errors import InputError
from retrieval.types import SourceProblem


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", '{"filepath": "a.jpg", "n": 1}\n\n{"filepath": " b.jpg ", "x": NaN}\n'),
        ("t.ndjson", '{"filepath": "a.jpg", "n": 1}\n{"filepath": "b.jpg", "x": null}\n'),
        ("t.json", '[{"filepath": "a.jpg", "n": 1},\n {"filepath": "b.jpg", "x": null}]'),
        ("t.json", '{"filepath": "a.jpg", "n": 1}\n{"filepath": "b.jpg", "x": null}\n'),
    ],
)
def test_lines_and_arrays_of_objects(tmp_path: Path, name: str, text: str) -> None:
    table = open_table(write(tmp_path / name, text))
    assert table.columns == ("filepath", "n", "x")
    assert [row.cells for row in table.rows([])] == [["a.jpg", 1, None], ["b.jpg", None, None]]


def test_packed_by_gzip(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(b'{"filepath": "a.jpg"}\n'))
    assert open_table(tmp_path / "t.jsonl.gz").columns == ("filepath",)


def test_lines_that_are_no_object_are_problems(tmp_path: Path) -> None:
    lines = [
        '{"a": "\\ud800"}',
        "nonsense",
        "[1]",
        '{"a": 1, "a": 2}',
        '{"a": ' + "1" * 5000 + "}",
        "[" * 100_000,
        '{"a": "fine"}',
    ]
    table = open_table(write(tmp_path / "t.jsonl", "\n".join(lines)))
    problems: list[SourceProblem] = []
    assert [row.number for row in table.rows(problems)] == [7]
    assert [problem.where for problem in problems] == [f"t.jsonl row {n}" for n in range(1, 7)]
    reasons = (
        "half of a character",
        "is not JSON (column 1",
        "no JSON object",
        "the key 'a' twice",
        "thousands of",
        "deep",
    )
    for problem, reason in zip(problems, reasons, strict=True):
        assert reason in problem.reason


def test_columns_with_lists_and_objects_are_named_and_left_out(tmp_path: Path) -> None:
    table = JsonTable(write(tmp_path / "t.jsonl", '{"a": 1, "box": [1, 2], "c": null}\n{"a": 2, "c": {"d": 1}}\n'))
    assert table.columns == ("a",)
    assert table.ignored == {"box": "lists", "c": "objects"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ('{"images": [], "annotations": []}', "one JSON object with images, annotations"),
        ('{"images":\n[],\n"annotations": []}', "one JSON object with images, annotations"),
        ('{"filepath": {"0": "a.jpg"}, "label": {"0": "x"}}', "one JSON object with filepath, label"),
        ("[1, 2]", "holds no JSON objects .*row 1 is no JSON object"),
        ("[{]", "is not JSON: line 1, column 3"),
        ("[" * 100_000, "nested too deeply"),
        ("nonsense", "holds no JSON objects"),
    ],
)
def test_json_of_another_shape_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_table(write(tmp_path / "t.json", text))
    assert "t.json" in str(caught.value)
