from __future__ import annotations

from pathlib import Path

import pytest

from indexers.tables import open_table
from indexers.tables.text_table import TextTable
from retrieval.errors import InputError
from retrieval.types import SourceProblem


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_endings_marks_and_quotes(tmp_path: Path, ending: str, encoding: str) -> None:
    text = ending.join(['filepath,"label"', '"a, b.jpg", Röhrling ', "", '"c ""d"".jpg",x', ""])
    table = open_table(write(tmp_path / "t.csv", text, encoding))
    assert table.columns == ("filepath", "label")
    assert [tuple(row) for row in table.rows([])] == [(2, ["a, b.jpg", "Röhrling"]), (4, ['c "d".jpg', "x"])]


def test_row_numbers_are_lines_even_after_a_cell_of_two_lines(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.tsv", 'a\tb\n1\t"two\nlines"\n3\t4\n'))
    assert [row.number for row in table.rows([])] == [2, 4]


def test_every_line_is_a_row_a_problem_or_counted(tmp_path: Path) -> None:
    text = "# made on Monday\n\na,b\n1\n1,2\n\n  \n1,2,3\n# a comment\na,b\n#1,2\n3,\0\n1,2,\n\n\n"
    table = open_table(write(tmp_path / "t.csv", text))
    problems: list[SourceProblem] = []
    assert [(row.number, row.cells) for row in table.rows(problems)] == [
        (5, ["1", "2"]),
        (11, ["#1", "2"]),
        (13, ["1", "2"]),
    ]
    assert [(problem.where, problem.reason) for problem in problems] == [
        ("t.csv row 4", "has 1 cells, but the header names 2 columns"),
        ("t.csv row 8", "has 3 cells, but the header names 2 columns"),
        ("t.csv row 12", "holds a NUL character"),
    ]
    # Line 3 is the header; the blank lines above it and at the end say nothing.
    assert {reason: n for reason, n in table.skipped.items() if n} == {
        "blank lines": 2,
        "comment lines": 2,
        "repeated headers": 1,
    }


def test_a_header_behind_a_hash(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.txt", "# filepath label\na.jpg oak\nb.jpg ash\n"))
    assert table.columns == ("filepath", "label")
    assert [row.cells for row in table.rows([])] == [["a.jpg", "oak"], ["b.jpg", "ash"]]


@pytest.mark.parametrize("text", ["a.jpg 0\nb.jpg 1\n", "images/a.PNG,0\n", "0\ta.tif\n"])
def test_a_list_without_a_header_has_numbers_for_columns(tmp_path: Path, text: str) -> None:
    table = TextTable(write(tmp_path / "t.txt", text), ".txt")
    assert not table.has_header
    assert table.columns == ("1", "2")
    assert len(list(table.rows([]))) == text.count("\n")


def test_a_column_without_a_name_may_be_left_out_of_rows(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.csv", "a,b,\n1,2\n3,4,5\n"))
    assert [row.cells for row in table.rows([])] == [["1", "2", ""], ["3", "4", "5"]]


def test_very_long_cells(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.csv", f'a,b\n1,{"x" * 1_000_000}\n2,"{"y" * 1_000_000}"\n'))
    assert [len(str(row.cells[1])) for row in table.rows([])] == [1_000_000, 1_000_000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"a,b,a\n", "two columns named 'a'"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_table(tmp_path / "t.csv")
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
