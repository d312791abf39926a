"""``.npz`` files written in blocks are those that numpy writes and reads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError
from retrieval.export import npz_file
from retrieval.export.npz_file import NpzWriter

if TYPE_CHECKING:
    from pathlib import Path


def column(values: list[Any], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def test_columns_of_every_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_file, "_ROWS", 2)
    noon = datetime(2024, 5, 31, 12)  # noqa: DTZ001
    with NpzWriter(tmp_path / "v.npz") as file:
        file.write_column("text", column(["é", None, "longer"], pa.string()))
        file.write_column("nothing", column([None, None, ""], pa.string()))
        file.write_column("whole", column([1, 2, 3], pa.int64()))
        file.write_column("holes", column([1, None, 3], pa.int64()))
        file.write_column("half", column([0.5, None, 1], pa.float64()))
        file.write_column("truth", column([True, False, True], pa.bool_()))
        file.write_column("doubt", column([True, None, False], pa.bool_()))
        file.write_column("time", column([noon, None, noon], pa.timestamp("us")))
        file.write("blocks", np.dtype(np.float32), (3, 2), [np.ones((2, 2)), np.zeros((1, 2))])
        file.write_text("word", "ja")
    z = np.load(tmp_path / "v.npz", allow_pickle=False)
    assert z["text"].tolist() == ["é", "", "longer"]
    assert z["nothing"].tolist() == ["", "", ""]
    assert z["whole"].dtype == np.int64
    np.testing.assert_array_equal(z["holes"], [1, np.nan, 3])
    np.testing.assert_array_equal(z["half"], np.array([0.5, np.nan, 1]))
    assert z["truth"].dtype == np.bool_
    np.testing.assert_array_equal(z["doubt"], [1, np.nan, 0])
    assert z["time"].tolist() == [noon, None, noon]
    assert np.array_equal(z["blocks"], np.array([[1, 1], [1, 1], [0, 0]], np.float32))
    assert str(z["word"]) == "ja"


def test_one_very_long_text_does_not_make_the_file_swell(tmp_path: Path) -> None:
    texts = column(["x"] * 100_000 + ["y" * 10_000], pa.string())
    with NpzWriter(tmp_path / "v.npz") as file, pytest.raises(InputError, match="has a text of 10,000 letters"):
        file.write_column("label", texts)
