"""Results as dictionaries, tables, frames and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from retrieval.search.searcher import search
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore


def test_to_dict_has_the_keys_of_the_command(circle_store: LanceStore) -> None:
    said = search(circle_store, id="a1", k=1, where="camera = '1'").to_dict()
    assert list(said) == [
        "query", "space", "fingerprint", "store_version", "k", "where", "group_by", "combine", "searched",
        "without_vector", "exhaustive", "index", "warnings", "hits",
    ]  # fmt: skip
    assert said["query"] == {"kind": "id", "value": "a1"}
    assert said["hits"][0] == {
        "rank": 1, "score": pytest.approx(np.cos(np.radians(5))), "id": "n1", "source": "s", "uri": "n1.jpg",
        "identity": "in1", "camera": "1",
    }  # fmt: skip


def test_to_table_has_one_row_a_hit(circle_store: LanceStore) -> None:
    table = search(circle_store, id="n1", k=3, group_by="label").to_table()
    assert table.column_names[:5] == ["rank", "score", "id", "source", "uri"]
    assert table.column("label").to_pylist() == ["a", "b", "c"]
    empty = search(circle_store, id="a1", where="id = 'a1'").to_table()
    assert (empty.num_rows, empty.schema) == (0, table.schema)


def test_to_frame_has_the_columns_of_the_table(circle_store: LanceStore) -> None:
    pytest.importorskip("pandas")
    result = search(circle_store, id="n1", k=3)
    frame = result.to_frame()
    assert list(frame.columns) == result.to_table().column_names
    assert pa.Table.from_pandas(frame, preserve_index=False).column("id") == result.to_table().column("id")


def test_repr_is_short_and_says_what_was_found(circle_store: LanceStore, tmp_path: Path) -> None:
    lines = repr(search(circle_store, id="a1", k=2)).splitlines()
    assert lines[0].startswith("SearchResult: id a1 · space model-random0@")
    assert lines[0].endswith("6 samples searched")
    assert lines[1] == "    1  0.9962  in1  1  n1  n1.jpg"
    many, _ = store_with(tmp_path / "s", [f"n{at}" for at in range(30)], unit(30))
    assert repr(search(many, id="n3", k=20)).splitlines()[-1] == "  ... and 10 more"
