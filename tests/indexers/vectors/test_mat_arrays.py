"""Arrays of ``.mat`` files: shapes of MATLAB, cells, and files that are damaged or swell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.io import savemat

from indexers.vectors import mat_arrays
from indexers.vectors.imported import VectorOptions
from indexers.vectors.mat_arrays import MatArrays
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(0).standard_normal((3, 4))
CELLS = np.array([["a.jpg"], ["folder/bb.jpg"], ["é.jpg"]], dtype=object)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("version", ["5", "4"])
def test_shapes_of_matlab(tmp_path: Path, compress: bool, version: str) -> None:  # noqa: FBT001
    arrays = {
        "X": X,
        "id": np.array([1, 2, 2]),
        "who": np.array([[5.0], [6], [6]]),
        "side": np.array(["l", "right", "l"]),
    }
    more = {"names": CELLS} if version == "5" else {}
    savemat(tmp_path / "v.mat", arrays | more, format=version, do_compression=compress and version == "5")
    read = MatArrays(tmp_path / "v.mat")
    assert np.array_equal(read.vectors("X"), X.astype(np.float32))
    assert read.column("id", "identity") == ["1", "2", "2"]
    assert read.column("who", "identity") == ["5", "6", "6"]
    assert read.column("side", "aspect") == ["l", "right", "l"]
    options = {"vectors": "X", "identity": "who", "aspect": "side"} | ({"filepath": "names"} if more else {})
    imported = read_vectors(tmp_path / "v.mat", VectorOptions(**options))
    assert imported.columns["aspect"] == ["l", "right", "l"]
    if more:
        assert list(imported.rows) == ["a.jpg", "folder/bb.jpg", "é.jpg"]


def test_columns_of_npz_as_they_come_from_matlab(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", X=X, pid=np.array([[1], [2], [2]]), name=np.array([["a", "b", "c"]]))
    options = VectorOptions(vectors="X", identity="pid", filepath="name")
    imported = read_vectors(tmp_path / "v.npz", options)
    assert imported.columns == {"identity": ["1", "2", "2"]}
    assert list(imported.rows) == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"the only matrix; by their names, `identity=pid`"):
        read_vectors(tmp_path / "v.npz", VectorOptions())


def test_what_is_no_column(tmp_path: Path) -> None:
    nested = np.array([["a"], [np.array(["b", "c"])], ["d"]], dtype=object)
    savemat(tmp_path / "v.mat", {"X": X, "cells": nested, "struct": {"a": 1}})
    for name in ("cells", "struct"):
        with pytest.raises(InputError, match=f"Array '{name}' of .* give one text or number per vector"):
            read_vectors(tmp_path / "v.mat", VectorOptions(vectors="X", label=name))


def test_files_that_are_damaged_or_of_another_format(tmp_path: Path) -> None:
    savemat(tmp_path / "v.mat", {"X": X, "names": CELLS}, do_compression=True)
    whole = (tmp_path / "v.mat").read_bytes()
    rng = np.random.default_rng(1)
    for size in rng.integers(1, len(whole) - 1, 6).tolist():  # a process each
        (tmp_path / "torn.mat").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"torn\.mat"):
            read_vectors(tmp_path / "torn.mat", VectorOptions(vectors="X", label="names"))
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(InputError, match=r"MATLAB's format 7.3 .HDF5., which is not read; save it with '-v7'"):
        MatArrays(tmp_path / "new.mat")
    with pytest.raises(MissingFileError, match="There is no file"):
        MatArrays(tmp_path / "none.mat")


def test_a_small_file_that_swells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat_arrays, "FREE_BYTES", 1 << 20)
    savemat(tmp_path / "v.mat", {"X": np.zeros((1_000, 1_000))}, do_compression=True)
    with pytest.raises(InputError, match="would have more than 1 MiB in memory, far more than the file"):
        MatArrays(tmp_path / "v.mat")
