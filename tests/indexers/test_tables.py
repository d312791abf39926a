from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from indexers.tables import as_text, as_time, cell_kind, find_columns, meta_columns, open_table, snake_case
from retrieval.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from retrieval.types import MetaValue, SourceProblem


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def meta_of(path: Path) -> dict[str, list[MetaValue]]:
    table = open_table(path)
    columns = meta_columns(table, ())
    rows = list(table.rows([]))
    return {column.name: [column.read(row.cells[column.position]) for row in rows] for column in columns}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_endings_marks_and_quotes(tmp_path: Path, ending: str, encoding: str) -> None:
    text = ending.join(['filepath,"label"', '"a, b.jpg", Röhrling ', "", '"c ""d"".jpg",x', ""])
    table = open_table(write(tmp_path / "t.csv", text, encoding))
    assert table.columns == ("filepath", "label")
    assert [tuple(row) for row in table.rows([])] == [(2, ["a, b.jpg", "Röhrling"]), (4, ['c "d".jpg', "x"])]


def test_row_numbers_are_lines_even_after_a_cell_of_two_lines(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.tsv", 'a\tb\n1\t"two\nlines"\n3\t4\n'))
    assert [row.number for row in table.rows([])] == [2, 4]


def test_rows_of_another_width_are_problems(tmp_path: Path) -> None:
    problems: list[SourceProblem] = []
    table = open_table(write(tmp_path / "t.csv", "a,b\n1\n1,2\n1,2,3\n"))
    assert [row.number for row in table.rows(problems)] == [3]
    assert [(problem.where, problem.missing) for problem in problems] == [
        ("t.csv row 2", False),
        ("t.csv row 4", False),
    ]
    assert problems[1].reason == "has 3 cells, but the header names 2 columns"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\n\n  \n", "is empty|names no columns"),
        ("t.csv", "fïlepath\n".encode("latin-1"), "not UTF-8"),
        ("t.csv", "filepath,label\n".encode("utf-16"), "not UTF-8"),
        ("t.csv", b"a,b,a\n", "two columns named 'a'"),
        ("t.csv", b"a\n" + b"x" * 200_000, "cannot be read as a table"),
        ("t.csv", b"a\nx\0y\n", "cannot be read as a table"),
        ("t.parquet", b"PAR1 is how it begins", "as Parquet"),
        ("t.parquet", b"", "as Parquet"),
        ("t.xlsx", b"PK", r"\.csv, \.tsv"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(open_table(tmp_path / name).rows([]))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no table .*t\.csv"):
        open_table(tmp_path / "t.csv")


def test_metadata_is_typed_by_all_values(tmp_path: Path) -> None:
    text = "n,x,code,flag,note,nothing,late\n1,1,007,true,a,,1\n,2.5e1,12,FALSE,,,2\n-3,,0,,c,,two\n"
    assert meta_of(write(tmp_path / "t.csv", text)) == {
        "n": [1, None, -3],
        "x": [1.0, 25.0, None],
        "code": ["007", "12", "0"],
        "flag": [True, False, None],
        "note": ["a", None, "c"],
        "nothing": [None, None, None],
        "late": ["1", "2", "two"],
    }
    assert all(type(value) is float for value in meta_of(tmp_path / "t.csv")["x"][:2])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("0", "int"),
        ("-12", "int"),
        ("007", "str"),
        ("00.5", "str"),
        ("0.5", "float"),
        (".5", "float"),
        ("1e3", "float"),
        ("1e999", "str"),
        ("9" * 30, "str"),
        ("9" * 5000, "str"),
        (str(2**63 - 1), "int"),
        (str(2**63), "str"),
        ("True", "bool"),
        ("yes", "str"),
        ("nan", "str"),
        ("1_000", "str"),
        ("١٢", "str"),
    ],
)
def test_kind_of_a_cell(text: str, kind: str) -> None:
    assert cell_kind(text) == kind


plain = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.one_of(plain, st.integers().map(str), st.floats().map(str)), min_size=1, max_size=6))
def test_no_value_is_lost(tmp_path: Path, values: list[str]) -> None:
    """Whatever the type found: text comes back as it was, numbers as the number that was written."""
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["k", "v"], *(["k", value] for value in values)])
    read = meta_of(tmp_path / "t.csv")["v"]
    assert len(read) == len(values)
    for got, written in zip(read, map(str.strip, values), strict=True):
        if isinstance(got, str) or got is None:
            assert (got or "") == written
        elif isinstance(got, bool):
            assert str(got).lower() == written.lower()
        elif isinstance(got, int):
            assert str(got) == written.lstrip("+") or (got == 0 and int(written) == 0)
        else:
            assert got == float(written)
    assert len({type(value) for value in read if value is not None}) <= 1


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("skinColor", "skin_color"),
        ("Skin Color", "skin_color"),
        ("meta_age", "age"),
        ("Größe (mm)", "grosse_mm"),
        ("GPSLat", "gpslat"),
        ("2nd", "2nd"),
        ("年", ""),
        ("a--b", "a_b"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name.replace("ß", "ss")) == snake


def test_columns_that_would_get_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'Age' and 'age' would both become 'age'"):
        meta_of(write(tmp_path / "t.csv", "Age,age\n1,2\n"))


def test_unnamed_columns_are_left_out_and_unspeakable_ones_numbered(tmp_path: Path) -> None:
    assert meta_of(write(tmp_path / "t.csv", ",x,年\n0,1,2\n")) == {"x": [1], "column_3": [2]}


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2024-05-31T14:00:00")
    table = pa.table(
        {
            "n": pa.array([1, None, 2], pa.int16()),
            "x": [1.5, math.nan, None],
            "b": [True, None, False],
            "t": [moment, None, moment],
            "big": pa.array([2**64 - 1, 1, None], pa.uint64()),
            "s": pa.array(["a", "", "b"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    assert meta_of(tmp_path / "t.parquet") == {
        "n": [1, None, 2],
        "x": [1.5, None, None],
        "b": [True, None, False],
        "t": ["2024-05-31T14:00:00", None, "2024-05-31T14:00:00"],
        "big": [str(2**64 - 1), "1", None],
        "s": ["a", None, "b"],
    }
    assert [row.number for row in open_table(tmp_path / "t.parquet").rows([])] == [1, 2, 3]


def test_nested_parquet_columns_are_refused_or_left_out(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1], "vector": [[1.0, 2.0]]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column 'vector' holds list"):
        open_table(tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet", without=["vector"]).columns == ("a",)


def test_find_columns(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.csv", "path,label,id\n"))
    fields = ("filepath", "label", "identity")
    assert find_columns(table, fields, {"filepath": "path", "label": None}) == {"filepath": 0}
    with pytest.raises(InputError, match=r"no field 'filepth' to rename\. Did you mean 'filepath'"):
        find_columns(table, fields, {"filepth": "path"})
    with pytest.raises(InputError, match=r"no column 'labl'\. Did you mean 'label'"):
        find_columns(table, fields, {"label": "labl"})


def test_names_are_text() -> None:
    assert [as_text(cell) for cell in ("007 ", 7, 7.0, 7.5, math.nan, None, " ")] == [
        "007",
        "7",
        "7",
        "7.5",
        *[None] * 3,
    ]


def test_times() -> None:
    noon = datetime.fromisoformat("2024-05-31T12:00:00")
    for text in ("2024-05-31T12:00:00", "2024:05:31 12:00:00", "2024-05-31T14:00:00+02:00", "2024-05-31 12:00"):
        assert as_time(text) == noon
    assert as_time("") is None
    with pytest.raises(ValueError, match="yesterday"):
        as_time("yesterday")
