"""Features in files of torch: every way of keeping them, and files that would run code or swell."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexers.vectors.imported import VectorOptions
from indexers.vectors.read_vectors import read_vectors
from indexers.vectors.torch_arrays import TorchArrays
from retrieval.errors import InputError, MissingFileError

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
NAMES = ["a", "bb", "é", "", "e"]
KINDS: dict[str, Any] = {
    "tensor": torch.from_numpy(X),
    "half": torch.from_numpy(X).half(),
    "brain": torch.from_numpy(X).bfloat16(),
    "view": torch.from_numpy(np.concatenate([X, X]))[:5],
    "gradient": torch.nn.Parameter(torch.from_numpy(X)),
    "array": X,
    "doubles": X.astype(">f8"),
    "fortran": np.asfortranarray(X),
    "rows": [torch.from_numpy(row) for row in X],
    "batches": [torch.from_numpy(X[:2]), torch.from_numpy(X[2:])],
}


@pytest.mark.parametrize("legacy", [False, True])
def test_every_way_of_keeping_vectors(tmp_path: Path, legacy: bool) -> None:  # noqa: FBT001
    torch.save(KINDS, tmp_path / "f.pth", _use_new_zipfile_serialization=not legacy)
    arrays = TorchArrays(tmp_path / "f.pth")
    assert arrays.names == tuple(KINDS)
    for name in KINDS:
        tolerance = {"half": 1e-3, "brain": 1e-2}.get(name, 0)
        np.testing.assert_allclose(arrays.vectors(name), X, rtol=tolerance, atol=tolerance)


def test_every_way_of_keeping_values(tmp_path: Path) -> None:
    whole = np.array([3, 1, -1, 0, 2**40])
    values = {
        "tensor": torch.from_numpy(whole), "array": whole, "list": whole.tolist(), "numpy": list(whole),
        "scalars": [torch.tensor(int(value)) for value in whole], "column": whole[:, None], "row": whole[None],
    }  # fmt: skip
    texts = {
        "names": NAMES,
        "unicode": np.array(NAMES),
        "objects": np.array(NAMES, dtype=object),
        "tuple": tuple(NAMES),
    }
    torch.save(
        values | texts | {"epoch": 3, "none": None, "mixed": [1, "a"], "model": torch.nn.ReLU()}, tmp_path / "f.pt"
    )
    arrays = TorchArrays(tmp_path / "f.pt")
    assert set(arrays.names) == {*values, *texts}
    for name in values:
        assert arrays.column(name, "identity") == ["3", "1", "-1", "0", str(2**40)], name
    for name in texts:
        assert arrays.cells(name) == NAMES, name


def test_a_dictionary_is_read_by_its_names(tmp_path: Path) -> None:
    saved = {"feats": torch.from_numpy(X), "pids": [0, 0, 1, 1, 1], "camids": np.arange(5), "img_paths": list("vwxyz")}
    torch.save(saved, tmp_path / "f.pt")
    said = r"`vectors=feats` is the only matrix; by their names, `identity=pids` `camera=camids` `filepath=img_paths`"
    with pytest.raises(InputError, match=said):
        read_vectors(tmp_path / "f.pt", VectorOptions())
    options = {"vectors": "feats", "identity": "pids", "camera": "camids", "filepath": "img_paths"}
    imported = read_vectors(tmp_path / "f.pt", VectorOptions(**options))
    assert imported.columns == {"identity": ["0", "0", "1", "1", "1"], "camera": ["0", "1", "2", "3", "4"]}
    assert list(imported.rows) == list("vwxyz")
    torch.save(torch.from_numpy(X), tmp_path / "alone.pt")
    assert np.array_equal(read_vectors(tmp_path / "alone.pt", VectorOptions(vectors="0")).vectors, X)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def test_nothing_of_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"feats": X, "evil": Evil(), "more": np.array([Evil()], dtype=object)}, tmp_path / "f.pt")
    assert TorchArrays(tmp_path / "f.pt").names == ("feats",)
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="no tensors or arrays that can be read without running code; save the"):
        TorchArrays(tmp_path / "raw.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"x", b"\x80\x02}q\x00.", pickle.dumps({"a": 1})])
def test_files_without_arrays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"f\.pt"):
        TorchArrays(tmp_path / "f.pt")
    with pytest.raises(MissingFileError, match="There is no file"):
        TorchArrays(tmp_path / "g.pt")


def test_one_value_that_claims_to_be_many(tmp_path: Path) -> None:
    torch.save({"feats": torch.zeros(1).expand(100_000, 1_000)}, tmp_path / "f.pt")
    with pytest.raises(InputError, match=r"Tensor 'feats' of .*f.pt has .* and would have 381 MiB in memory"):
        TorchArrays(tmp_path / "f.pt")


def test_torn_files(tmp_path: Path) -> None:
    torch.save({"feats": X, "names": NAMES}, tmp_path / "f.pt")
    whole = (tmp_path / "f.pt").read_bytes()
    for size in range(0, len(whole), 61):
        (tmp_path / "torn.pt").write_bytes(whole[:size])
        with pytest.raises(InputError):
            TorchArrays(tmp_path / "torn.pt")
