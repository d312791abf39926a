from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.tables import as_time, meta_columns, open_table
from retrieval.errors import InputError


def columns_of(path: Path, data: dict[str, Any]) -> dict[str, list[Any]]:
    """Write a Parquet file, and return the values of its columns as metadata."""
    parquet.write_table(pa.table(data), path)
    table = open_table(path)
    rows = list(table.rows([]))
    return {
        column.name: [column.read(row.cells[column.position]) for row in rows] for column in meta_columns(table, ())
    }


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2024-05-31T14:00:00")
    data = {
        "n": pa.array([1, None, 2], pa.int16()),
        "x": [1.5, math.nan, None],
        "b": [True, None, False],
        "t": [moment, None, moment],
        "big": pa.array([2**64 - 1, 1, None], pa.uint64()),
        "s": pa.array(["a", "", "b"]).dictionary_encode(),
        "d": pa.array([Decimal("1.50"), None, Decimal(2)], pa.decimal128(5, 2)),
    }
    assert columns_of(tmp_path / "t.parquet", data) == {
        "n": [1, None, 2],
        "x": [1.5, None, None],
        "b": [True, None, False],
        "t": ["2024-05-31T14:00:00", None, "2024-05-31T14:00:00"],
        "big": [str(2**64 - 1), "1", None],
        "s": ["a", None, "b"],
        "d": [1.5, None, 2.0],
    }
    assert [row.number for row in open_table(tmp_path / "t.parquet").rows([])] == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1609459200123456789, pa.timestamp("ns"), "2021-01-01T00:00:00.123456"),
        (1609459200123456789, pa.timestamp("ns", "Europe/Berlin"), "2021-01-01T00:00:00.123456+00:00"),
        (1609459200, pa.timestamp("s", "+02:00"), "2021-01-01T00:00:00+00:00"),
        (1609459200, pa.timestamp("s", "Mars/Phobos"), "2021-01-01T00:00:00+00:00"),
        (18628, pa.date32(), "2021-01-01"),
        (1609459200000, pa.date64(), "2021-01-01"),
    ],
)
def test_times_of_every_unit(tmp_path: Path, value: int, kind: pa.DataType, text: str) -> None:
    assert columns_of(tmp_path / "t.parquet", {"t": pa.array([value], kind)}) == {"t": [text]}
    (row,) = open_table(tmp_path / "t.parquet").rows([])
    assert str(as_time(row.cells[0])).startswith("2021-01-01 00:00:00")


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.timestamp("us"), pa.date32()])
def test_times_beyond_the_year_9999_are_no_times(tmp_path: Path, kind: pa.DataType) -> None:
    value = {"date32[day]": 10**7}.get(str(kind), 10**18 if "us" in str(kind) else 10**12)
    parquet.write_table(pa.table({"t": pa.array([0, value], kind)}), tmp_path / "t.parquet")
    first, second = open_table(tmp_path / "t.parquet").rows([])
    assert as_time(first.cells[0]) in {datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)}  # noqa: DTZ001
    with pytest.raises(ValueError, match=str(value)):
        as_time(second.cells[0])


def test_nested_columns_are_named_and_left_out(tmp_path: Path) -> None:
    image = pa.array([{"bytes": b"x", "path": None}], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    parquet.write_table(
        pa.table({"a": [1], "vector": [[1.0, 2.0]], "image": image, "raw": [b"x"]}), tmp_path / "t.parquet"
    )
    table = open_table(tmp_path / "t.parquet")
    assert table.columns == ("a",)
    assert table.ignored.keys() == {"vector", "image", "raw"}
    assert table.ignored["image"].startswith("struct<bytes: binary")
    assert [row.cells for row in table.rows([])] == [(1,)]


def test_beside_a_column_of_vectors_other_nested_columns_are_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1], "vector": [[1.0, 2.0]], "more": [[1.0]]}), tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet", without=["vector", "more"]).columns == ("a",)
    with pytest.raises(InputError, match="column 'more' holds list"):
        open_table(tmp_path / "t.parquet", without=["vector"])


@pytest.mark.parametrize("content", [b"PAR1 is how it begins", b""])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(InputError, match="as Parquet"):
        open_table(tmp_path / "t.parquet")
