"""Columns of numbers as vectors: patterns, padded and quoted cells, and the sentence for every bad one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from indexers.vectors.columns import choose_columns, text_vectors
from indexers.vectors.imported import VectorOptions
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, MissingFileError
from tests.support.shared_data import SHARED, needs_shared

NAMES = ("id", "label", "shape1", "shape2", "margin1", "margin2", "area")


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        ("margin*", ["margin1", "margin2"]),
        ("margin*, shape*", ["margin1", "margin2", "shape1", "shape2"]),
        ("shape?,shape2,area", ["shape1", "shape2", "area"]),
        ("shape[2-9],shape*", ["shape2", "shape1"]),
        ("*", ["shape1", "shape2", "margin1", "margin2", "area"]),
        ("id", ["id"]),
        ("label,area", ["label", "area"]),
    ],
)
def test_patterns_keep_the_order_asked_for_and_pass_over_what_is_taken(asked: str, columns: list[str]) -> None:
    assert list(choose_columns(Path("t.csv"), NAMES, asked, {"id", "label"})) == columns


def test_a_name_with_the_letters_of_a_pattern_is_a_name() -> None:
    assert choose_columns(Path("t.csv"), ("a,b", "x*", "xy"), "x*") == ("x*",)
    assert choose_columns(Path("t.csv"), ("a,b", "x*", "xy"), "a,b") == ("a,b",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("margn*", r"no column 'margn\*' of vectors. Did you mean 'margin"),
        ("shape*,nothing", "no column 'nothing' of vectors.* It has: id, label, shape1"),
        (" , ", "names no columns"),
    ],
)
def test_a_pattern_without_columns(asked: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_columns(Path("t.csv"), NAMES, asked)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_text_table_of_vectors(tmp_path: Path, suffix: str) -> None:
    lines = [
        "id, shape1,label,shape2,height,",
        "1,.5,maple,1e-3,10,x",
        '2, -2 ,"oak, ""old""","3.25",,y',
        "",
        "3,0,elm,1,7,z",
    ]
    text = "\r\n".join(lines) + "\r\n"
    if suffix == ".tsv":
        text = text.replace('"oak, ""old""', '"oak; ""old""').replace(",", "\t").replace("oak;", "oak,")
    read = read_vectors(write(tmp_path / f"v{suffix}", "\ufeff" + text), VectorOptions(vectors="shape*", filepath="id"))
    np.testing.assert_array_equal(read.vectors, np.array([[0.5, 1e-3], [-2, 3.25], [0, 1]], np.float32))
    assert read.rows == ["1", "2", "3"]
    assert read.columns == {"label": ["maple", 'oak, "old"', "elm"], "meta_height": [10, None, 7]}
    assert read.chosen == ("shape1", "shape2")
    bare = read_vectors(tmp_path / f"v{suffix}", VectorOptions(vectors="shape*", filepath="id"), described=False)
    assert (bare.rows, bare.columns, bare.named) == (read.rows, {}, True)


GOOD = "id,a,b\n1,1,2\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GOOD, {}, r"which columns of .*v\.csv hold the vectors \(`vectors=.*it has: id, a, b"),
        (GOOD + "2,x,3\n", {"vectors": "a,b"}, r"v\.csv row 3: column 'a' holds 'x', which is no finite number"),
        (GOOD + '2,"3\n\n",3\n3,1,x\n', {"vectors": "a,b"}, r"v\.csv row 6: column 'b' holds 'x'"),
        (GOOD + "2,,3\n", {"vectors": "a,b"}, r"v\.csv row 3: column 'a' is empty; correct it or drop"),
        (GOOD + "2,nan,3\n", {"vectors": "a,b"}, "row 3: column 'a' holds 'nan'"),
        (GOOD + "2,NA,3\n", {"vectors": "a,b"}, "row 3: column 'a' holds 'NA'"),
        (GOOD + "2,inf,3\n", {"vectors": "a,b"}, "row 3: column 'a' holds 'inf'"),
        (GOOD + "2,1e39,3\n", {"vectors": "a,b"}, "row 3: column 'a' holds '1e39'"),
        (GOOD + "2,true,3\n", {"vectors": "a,b"}, "row 3: column 'a' holds 'true'"),
        (GOOD + "2,3\n", {"vectors": "a,b"}, r"row 3 has 2 cells, but the header names 3"),
        (GOOD + "2,0,0\n", {"vectors": "a,b"}, r"Row 1 \(counted from 0\) of the columns a, b of .* is all zero"),
        ("id,a,b\n", {"vectors": "a,b"}, r"shape \(0, 2\)"),
        ("", {"vectors": "a"}, "is empty; its first line must name the columns"),
        ("a,a\n1,2\n", {"vectors": "a"}, "two columns named 'a'"),
        (GOOD, {"vectors": "a,b", "filepath": "idd"}, "no column 'idd'. Did you mean 'id'"),
        (GOOD + "1,3,4\n", {"vectors": "a,b", "filepath": "id"}, "filepath of row 1 .* repeats '1'"),
        (GOOD + ",3,4\n", {"vectors": "a,b", "filepath": "id"}, "filepath of row 1 .* is empty"),
    ],
)
def test_text_tables_that_do_not_fit(tmp_path: Path, text: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_vectors(write(tmp_path / "v.csv", text), VectorOptions.model_validate(options))
    assert "\n" not in str(caught.value)


def test_a_text_table_that_is_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no file .*v\.csv"):
        read_vectors(tmp_path / "v.csv", VectorOptions(vectors="a"))
    (tmp_path / "v.csv").write_bytes(b"\xff\xfeid,a\n1,1\n")
    with pytest.raises(InputError, match="not text in utf-16"):
        read_vectors(tmp_path / "v.csv", VectorOptions(vectors="a", filepath="id"))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.text(alphabet='a,"\n é', max_size=4), *[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_python_writes_is_read_to_the_bit(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    wanted = np.array([row[1:] for row in rows], np.float32)
    wanted[:, 0] += (~wanted.any(axis=1)).astype(np.float32)
    with (tmp_path / "v.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["words", "x1", "x2", "x3"])
        writer.writerows([row[0], *map(repr, map(float, vector))] for row, vector in zip(rows, wanted, strict=True))
    np.testing.assert_array_equal(text_vectors(tmp_path / "v.csv", ["x1", "x2", "x3"]), wanted)


def test_parquet_with_a_column_per_number(tmp_path: Path) -> None:
    table = {"m1": [1, 2], "name": ["a", "b"], "m2": [0.5, -1.0], "other": [[1.0], [2.0]], "weight": [3, 4]}
    parquet.write_table(pa.table(table), tmp_path / "v.parquet")
    options = VectorOptions(vectors="m2,m1", filepath="name")
    read = read_vectors(tmp_path / "v.parquet", options, described=False)
    np.testing.assert_array_equal(read.vectors, np.array([[0.5, 1], [-1, 2]], np.float32))
    assert (read.rows, read.columns) == (["a", "b"], {})
    parquet.write_table(pa.table(table).drop_columns(["other"]), tmp_path / "v.parquet")
    assert read_vectors(tmp_path / "v.parquet", options).columns == {"meta_weight": [3, 4]}


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ("m*,name", "Column 'name' of .* holds string, not numbers; leave it out"),
        ("m*,list", r"Column 'list' of .* holds list<.*>, not numbers"),
        ("m1", "holds double, not lists of numbers"),
        ("m1,m2", r"v\.parquet row 2: column 'm2' is empty or no finite number"),
        ("x*", r"no column 'x\*' of vectors"),
    ],
)
def test_columns_of_parquet_that_do_not_fit(tmp_path: Path, vectors: str, message: str) -> None:
    table = {"m1": [1.0, 2.0], "m2": [1, None], "name": ["a", "b"], "list": [[1.0], [2.0]]}
    parquet.write_table(pa.table(table), tmp_path / "v.parquet")
    with pytest.raises(InputError, match=message):
        read_vectors(tmp_path / "v.parquet", VectorOptions(vectors=vectors))


@needs_shared
def test_real_features_of_leaves() -> None:
    path = SHARED / "species" / "leaves" / "features192.csv"
    read = read_vectors(path, VectorOptions(vectors="margin*,shape*,texture*", filepath="id", label="species"))
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    wanted = np.array([row[2:] for row in rows[1:]], np.float32)
    assert wanted.shape == (990, 192)
    np.testing.assert_array_equal(read.vectors, wanted)
    assert read.rows == [row[0] for row in rows[1:]]
    assert read.columns == {"label": [row[1] for row in rows[1:]]}
