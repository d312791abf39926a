"""Which reading of a text table is taken: by what is consistent, never shorter without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.tables import TableOptions, open_table
from indexers.tables.dialect import PATH_FIRST, SPACES
from retrieval.errors import InputError
from retrieval.types import SourceProblem

HEADER = "gbifID\tspecies\tlocality\tidentifier\n"


def rows_of(path: Path, text: str, **options: str) -> tuple[list[list[str]], list[str]]:
    """Write a table, and return its rows and its notes."""
    path.write_text(text, encoding="utf-8", newline="")
    table = open_table(path, options=TableOptions.read(options, "test"))
    problems: list[SourceProblem] = []
    rows = [[str(cell) for cell in row.cells] for row in table.rows(problems)]
    assert not problems
    return rows, table.notes


def export(places: dict[int, str]) -> str:
    """A tab-separated export without quoting, whose localities are free text."""
    return HEADER + "".join(f"{at}\tOak\t{places.get(at, f'plot {at}')}\timg/{at}.jpg\n" for at in range(12))


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".csv"])
@pytest.mark.parametrize(
    "places",
    [
        {2: '"Old oak by the pond', 8: '"Northern edge'},
        {2: '"Old oak', 8: '12"'},
        {2: '"Old oak'},
        {11: '"Old oak'},
        {2: '"Old" oak'},
        {2: 'an "old" oak'},
        {2: '"'},
        {2: '"', 3: '"'},
    ],
)
def test_quotation_marks_that_are_text(tmp_path: Path, suffix: str, places: dict[int, str]) -> None:
    rows, _ = rows_of(tmp_path / f"t{suffix}", export(places))
    assert [row[2] for row in rows] == [places.get(at, f"plot {at}") for at in range(12)]


def test_it_is_said_that_marks_are_text_and_the_option_reads_them_otherwise(tmp_path: Path) -> None:
    text = export({2: '"Old oak', 8: '12"'})
    _, notes = rows_of(tmp_path / "t.tsv", text)
    (note,) = notes
    assert note.startswith("t.tsv: quotation marks are read as text, because that of line 4 does not close its")
    assert note.endswith("if they enclose cells (then 6 rows instead of 12), set `quoting=csv`.")
    rows, _ = rows_of(tmp_path / "t.tsv", text, quoting="csv")
    assert len(rows) == 6


@pytest.mark.parametrize(
    "text",
    [
        'filepath,label\na.jpg,"big, oak"\nb.jpg,"ash"\n',
        'filepath,label,n\na.jpg,"line one\nline two",1\nb.jpg,ash,2\n',
        'filepath,label\na.jpg,"line one\nline two"\nb.jpg,ash\n',
        'filepath,label\na.jpg,"oak ""old"""\nb.jpg,""\n',
        '"filepath","label"\n"a.jpg","x"\n',
        'filepath, label\na.jpg, "big, oak"\n',
        'filepath\tlabel\na.jpg\t"two\twords"\n',
    ],
)
def test_quoted_tables_are_read_without_a_word(tmp_path: Path, text: str) -> None:
    rows, notes = rows_of(tmp_path / ("t.tsv" if "\t" in text else "t.csv"), text)
    assert rows[0][0] == "a.jpg"
    assert '"' not in rows[0][1].replace('"old"', "")
    assert notes == []


def test_a_table_with_two_readings_is_refused_and_both_ways_out_work(tmp_path: Path) -> None:
    text = 'filepath,label\na.jpg,"line one\nline two, more"\nb.jpg,z\n'
    with pytest.raises(InputError, match=r"two ways.*2 rows, and lines 2 to 3.*it has 3 rows.*`quoting=csv` or"):
        rows_of(tmp_path / "t.csv", text)
    assert len(rows_of(tmp_path / "t.csv", text, quoting="csv")[0]) == 2
    assert len(rows_of(tmp_path / "t.csv", text, quoting="none")[0]) == 3


def test_a_mark_that_takes_in_lines_of_a_quoted_table_is_refused_with_its_line(tmp_path: Path) -> None:
    text = 'filepath,label\na.jpg,"oak, big"\nb.jpg,"ash\nc.jpg,"elm, big"\nd.jpg,"x, y"\n'
    with pytest.raises(InputError, match=r"line 3: a quotation mark opens a cell and does not close it.*up to 4"):
        rows_of(tmp_path / "t.csv", text)
    assert len(rows_of(tmp_path / "t.csv", text.replace('"ash', '"ash"'))[0]) == 4


def test_a_mark_inside_a_quoted_cell_is_said(tmp_path: Path) -> None:
    rows, notes = rows_of(tmp_path / "t.csv", 'filepath,label\na.jpg,"oak" tree\nb.jpg,ash\n')
    assert rows == [["a.jpg", "oak tree"], ["b.jpg", "ash"]]
    assert "1 row has a quotation mark inside a cell" in notes[0]
    assert "`quoting=none`" in notes[0]
    rows, _ = rows_of(tmp_path / "t.csv", 'filepath,label\na.jpg,"oak" tree\n', quoting="none")
    assert rows == [["a.jpg", '"oak" tree']]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("'filepath','label'\n'a,b.jpg','it''s'\n", ["a,b.jpg", "it's"]),
        ("filepath,label\na\\,b.jpg,c\n", ["a,b.jpg", "c"]),
        ('filepath,label\n"a,b.jpg","say \\"hi\\""\n', ["a,b.jpg", 'say "hi"']),
        ("filepath,label\na.jpg,rock 'n' roll\n", ["a.jpg", "rock 'n' roll"]),
        ("filepath,label\nsub\\a.jpg,'Ohi'a\n", ["sub\\a.jpg", "'Ohi'a"]),
    ],
)
def test_other_marks_count_only_where_they_are_needed(tmp_path: Path, text: str, row: list[str]) -> None:
    assert rows_of(tmp_path / "t.csv", text)[0] == [row]


@pytest.mark.parametrize(
    ("name", "text", "delimiter", "notes"),
    [
        ("t.csv", "filepath;label;x\na.jpg;oak;1,5\n", ";", ["t.csv is separated by semicolons."]),
        ("t.csv", "filepath\tlabel\na.jpg\toak, big\n", "\t", ["t.csv is separated by tabs."]),
        ("t.tsv", "filepath,label\na.jpg,oak\n", ",", ["t.tsv is separated by commas."]),
        ("t.csv", "filepath,label\na.jpg,oak; ash\n", ",", []),
        ("t.csv", "filepath\na, b.jpg\n", ",", None),
        ("t.psv", "filepath|label\na.jpg|oak\n", "|", []),
        ("t.txt", "filepath|label\na.jpg|oak\n", "|", []),
        ("t.txt", "filepath label\na.jpg oak\n", SPACES, []),
        ("t.txt", "a.jpg   0\nb.jpg 1\n", SPACES, []),
        ("t.txt", "my dir/a 1.jpg 0\nb.jpg 1\n", PATH_FIRST, []),
        ("t.txt", "a.jpg Quercus robur\nb.jpg Oak\n", PATH_FIRST, []),
    ],
)
def test_delimiters(tmp_path: Path, name: str, text: str, delimiter: str, notes: list[str] | None) -> None:
    (tmp_path / name).write_text(text)
    table = open_table(tmp_path / name)
    assert table.dialect.delimiter == delimiter  # type: ignore[attr-defined]
    assert notes is None or table.notes == notes


@pytest.mark.parametrize(("delimiter", "text"), [("!", "filepath!label\na.jpg!x\n"), ("space", "a.jpg 0\nb.jpg x y\n")])
def test_a_named_delimiter(tmp_path: Path, delimiter: str, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert len(open_table(tmp_path / "t.csv", options=TableOptions(delimiter=delimiter)).columns) == 2
    with pytest.raises(InputError, match="takes one character, or tab, comma"):
        TableOptions.read({"delimiter": "ab"}, "test")


def test_a_row_that_begins_with_a_hash_is_no_comment_and_counts_in_both_readings(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('filepath,label\n#,"\n,"\n', encoding="utf-8")
    with pytest.raises(InputError, match="can be read in two ways"):
        open_table(path)
