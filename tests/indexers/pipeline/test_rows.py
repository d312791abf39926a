"""Rows of samples: what the source says, what changed, and columns of one kind."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from indexers.pipeline.rows import changes, described, new_row, table
from retrieval.errors import InputError
from retrieval.store.schema import SAMPLES
from retrieval.types import Box, Sample


def sample(**fields: Any) -> Sample:
    return Sample("s", "a.jpg", **fields)


def test_a_new_row_holds_the_source_the_file_and_what_decoding_found() -> None:
    row = new_row(sample(label="cat", meta={"age": 3}), 5, 10, 20, {"content": "c", "key": "k", "width": 4})
    assert {name: row[name] for name in ("id", "source", "uri", "size", "mtime_ns", "content", "key", "width")} == {
        "id": sample().id, "source": "s", "uri": "a.jpg", "size": 10, "mtime_ns": 20, "content": "c", "key": "k",
        "width": 4,
    }  # fmt: skip
    assert (row["label"], row["identity"], row["meta_age"]) == ("cat", None, 3)


def test_only_what_the_source_says_differently_changes() -> None:
    stored = described(sample(label="cat", meta={"age": 3, "gone": 1})) | {"size": 10}
    assert changes(sample(label="cat", meta={"age": 3, "gone": 1}), stored) == {}
    assert changes(sample(label="dog", meta={"age": 4}), stored) == {
        "label": "dog", "meta_age": 4, "meta_gone": None,
    }  # fmt: skip
    texts = described(sample(meta={"age": "3", "old": "true"}))  # a column that became text
    assert changes(sample(meta={"age": 3, "old": True}), texts) == {}


def test_columns_take_the_kind_of_their_values() -> None:
    rows = [described(sample(meta={"n": 1, "x": 1, "b": True, "none": None})), described(sample(meta={"x": 2.5}))]
    made = table(rows)
    assert made.column_names[: len(SAMPLES)] == SAMPLES.names
    kinds = {name: made.schema.field(f"meta_{name}").type for name in ("n", "x", "b", "none")}
    assert kinds == {"n": pa.int64(), "x": pa.float64(), "b": pa.bool_(), "none": pa.null()}
    assert made.column("meta_n").to_pylist() == [1, None]


def test_a_column_of_two_kinds_is_refused_by_its_name() -> None:
    with pytest.raises(InputError, match="Column age mixes int, str"):
        table([described(sample(meta={"age": value})) for value in (3, "three")])


def test_geometry_and_position_have_their_columns() -> None:
    boxed = sample(box=Box(0.1, 0.2, 0.3, 0.4), polygon=((0.1, 0.2), (0.4, 0.2), (0.25, 0.6)))
    made = table([new_row(boxed, 7, 10, 11, {"content": "c", "key": "c#1"}), new_row(sample(), 8, 0, 0, {})])
    assert made.column("polygon").to_pylist() == [[0.1, 0.2, 0.4, 0.2, 0.25, 0.6], None]
    assert made.column("position").to_pylist() == [7, 8]
    assert made.column("box_width").to_pylist() == [0.3, None]
