from __future__ import annotations

import csv
import math
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexers.tables import as_text, cell_kind, find_columns, meta_columns, open_table, snake_case
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import MetaValue


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def meta_of(path: Path) -> dict[str, list[MetaValue]]:
    table = open_table(path)
    columns = meta_columns(table, ())
    rows = list(table.rows([]))
    return {column.name: [column.read(row.cells[column.position]) for row in rows] for column in columns}


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
        csv.writer(file).writerows([["k", "v"], *(["row", value] for value in values)])
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


def test_find_columns(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "t.csv", "path,label,id\n"))
    fields = ("filepath", "label", "identity")
    assert find_columns(table, fields, {"filepath": "path", "label": None}) == {"filepath": 0}
    with pytest.raises(InputError, match=r"no field 'filepth' to rename\. Did you mean 'filepath'"):
        find_columns(table, fields, {"filepth": "path"})
    with pytest.raises(InputError, match=r"no column 'labl'\. Did you mean 'label'"):
        find_columns(table, fields, {"label": "labl"})


def test_names_are_text() -> None:
    cells = ("007 ", 7, 7.0, 7.5, Decimal("7.00"), Decimal("7.5"), "nan", math.nan, None, " ")
    assert [as_text(cell) for cell in cells] == ["007", "7", "7", "7.5", "7", "7.5", "nan", None, None, None]


def test_json_of_mixed_types_becomes_one_type(tmp_path: Path) -> None:
    lines = '{"n": 1, "b": true, "m": 1, "big": 99999999999999999999}\n{"n": 2.5, "b": null, "m": "x"}\n'
    assert meta_of(write(tmp_path / "t.jsonl", lines)) == {
        "n": [1.0, 2.5],
        "b": [True, None],
        "m": ["1", "x"],
        "big": ["99999999999999999999", None],
    }


def test_time_grows_with_the_number_of_columns_and_no_faster(tmp_path: Path) -> None:
    def seconds(columns: int) -> float:
        lines = [",".join(f"c{at}" for at in range(columns)), *[",".join(["1"] * columns)] * 50]
        path = write(tmp_path / f"{columns}.csv", "\n".join(lines))
        start = time.perf_counter()
        assert len(meta_of(path)) == columns
        return time.perf_counter() - start

    seconds(100)
    assert seconds(8000) < 30 * seconds(1000) + 1
