"""Several Parquet files as one table: columns of all, places in messages, kinds that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from indexers.vectors.sharded_table import ShardedTable

if TYPE_CHECKING:
    from pathlib import Path


def test_columns_of_all_files(tmp_path: Path) -> None:
    parts: list[dict[str, list[Any]]] = [
        {"a": [1, 2], "b": ["x", "y"]},
        {"c": [None], "b": [3.5]},
        {"a": [0.5], "b": [None], "d": [[1]]},
    ]
    shards = []
    for number, columns in enumerate(parts):
        path = tmp_path / f"metadata_{number}.parquet"
        parquet.write_table(pa.table(columns), path)
        shards.append((path, len(columns["b"])))
    table = ShardedTable(tmp_path, shards)
    assert table.columns == ("a", "b", "c")
    assert [list(row.cells) for row in table.rows([])] == [
        [1, "x", None], [2, "y", None], [None, "3.5", None], [0.5, None, None]
    ]  # fmt: skip
    assert [table.location(number) for number in (1, 2, 3, 4)] == [
        "metadata_0.parquet row 1",
        "metadata_0.parquet row 2",
        "metadata_1.parquet row 1",
        "metadata_2.parquet row 1",
    ]
    assert table.notes == ["Columns of several kinds, read as text: b."]
    assert set(table.ignored) == {"d"}
    assert ShardedTable(tmp_path, shards, frozenset({"b"})).columns == ("a", "c")
