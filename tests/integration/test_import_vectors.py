"""``import-vectors``: what it takes and what it asks about, in every format, with every way out that an error names."""

from __future__ import annotations

import csv
import json
import pickle
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.command_line import call_cli

if TYPE_CHECKING:
    from pathlib import Path

N, D = 40, 8
RNG = np.random.default_rng(0)
IDENTITY = np.array([f"p{at % 5}" for at in range(N)])
CAMERA = np.array([f"c{at // 5 % 2}" for at in range(N)])
SPLIT = np.array(["query" if at < 10 else "gallery" for at in range(N)])
VECTORS = (3 * RNG.standard_normal((5, D))[np.arange(N) % 5] + 3 * RNG.standard_normal((N, D))).astype(np.float32)
FIELDS = {"identity": IDENTITY, "camera": CAMERA, "split": SPLIT}


def said(path: Path, *options: str | Path, store: Path | None = None, check: int = 0) -> str:
    done = call_cli("import-vectors", path, *options, "--store", store or path.parent / "store", check=check)
    return " ".join((done.stdout + done.stderr).split())


def rank_1(store: Path) -> float:
    result = json.loads(call_cli("eval", "--mode", "reid", "--store", store, "--json").stdout)
    value: float = result["metrics"]["mean_ap"]["value"]
    return value


def write_csv(path: Path, columns: dict[str, Any], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))
    return path


def numbered(vectors: Any = VECTORS) -> dict[str, Any]:
    return {f"v{at}": vectors[:, at] for at in range(vectors.shape[1])}


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def write_all(folder: Path) -> dict[str, tuple[Path, tuple[str | Path, ...]]]:
    """The same data in every format, with the options that each needs."""
    np.save(folder / "array.npy", VECTORS)
    meta = write_csv(folder / "meta.csv", dict(FIELDS))
    role = {name: name == SPLIT for name in ("query", "gallery")}
    parts = {name: VECTORS[rows] for name, rows in role.items()}
    parts |= {f"{name}_{field}": FIELDS[field][rows] for name, rows in role.items() for field in ("identity", "camera")}
    lists = pa.table({**FIELDS, "vector": VECTORS.tolist()})
    parquet.write_table(lists, folder / "lists.parquet")
    parquet.write_table(pa.table({**FIELDS, **numbered()}), folder / "columns.parquet")
    return {
        "npz": (npz(folder / "named.npz", feats=VECTORS, **FIELDS), ("--vectors", "feats")),
        "float64": (npz(folder / "wide.npz", feats=VECTORS.astype(np.float64), **FIELDS), ("--vectors", "feats")),
        "roles": (npz(folder / "roles.npz", **parts), ()),
        "npy": (folder / "array.npy", ("--metadata", meta)),
        "csv": (write_csv(folder / "table.csv", {**FIELDS, **numbered()}), ("--vectors", "v*")),
        "semicolons": (write_csv(folder / "semi.csv", {**FIELDS, **numbered()}, ";"), ("--vectors", "v*")),
        "tsv": (write_csv(folder / "table.tsv", {**FIELDS, **numbered()}, "\t"), ("--vectors", "v*")),
        "lists": (folder / "lists.parquet", ()),
        "columns": (folder / "columns.parquet", ("--vectors", "v*")),
    }


def test_the_same_data_give_the_same_number_in_every_format(tmp_path: Path) -> None:
    values = {}
    for name, (path, options) in write_all(tmp_path).items():
        line = said(path, *options, store=tmp_path / name)
        assert "40 vectors of 8 numbers" in line
        assert "identity, camera" in line
        assert "lengths from" in line
        values[name] = rank_1(tmp_path / name)
    assert len(set(values.values())) == 1
    assert 0.3 < values["npz"] < 1


@pytest.mark.parametrize("kind", ["float16", "int8", "uint8", "int64"])
def test_numbers_of_other_types(tmp_path: Path, kind: str) -> None:
    vectors = np.clip(np.round(8 * VECTORS) + 100, 1, 127).astype(kind)
    path = npz(tmp_path / "v.npz", vectors=vectors, **FIELDS)
    assert "40 vectors" in said(path, "--vectors", "vectors")
    same = npz(tmp_path / "same.npz", vectors=vectors.astype(np.float32), **FIELDS)
    said(same, "--vectors", "vectors", store=tmp_path / "same")
    assert rank_1(tmp_path / "store") == rank_1(tmp_path / "same")


def test_unit_vectors_pass_without_a_word_about_their_length(tmp_path: Path) -> None:
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    line = said(npz(tmp_path / "v.npz", vectors=unit.astype(np.float16), **FIELDS), "--vectors", "vectors")
    assert "lengths" not in line


def test_names_of_scripts_are_asked_about(tmp_path: Path) -> None:
    names = np.array([f"{at}.jpg" for at in range(N)])
    arrays = {"feats": VECTORS, "pid": IDENTITY, "camid": CAMERA, "fname": names, "split": SPLIT, "epoch": np.array(3)}
    path = npz(tmp_path / "v.npz", **arrays)
    assert "`vectors=feats`" not in said(path, check=1)
    assert "--vectors feats is the only matrix" in said(path, check=1)
    asked = said(path, "--vectors", "feats", check=1)
    assert "--identity pid, --camera camid, --filepath fname" in asked
    out = ("--vectors", "feats", "--identity", "pid", "--camera", "camid", "--filepath", "fname")
    assert "not read: epoch" in said(path, *out)
    left = said(path, *out[:4], "--camera", "", "--filepath", "", store=tmp_path / "other")
    assert "not read: camid, fname, epoch" in left
    assert rank_1(tmp_path / "store") != rank_1(tmp_path / "other")


def test_columns_of_scripts_are_asked_about(tmp_path: Path) -> None:
    columns = {"pid": IDENTITY, "camid": CAMERA, "split": SPLIT, "note": ["x"] * N, **numbered()}
    path = write_csv(tmp_path / "v.csv", columns)
    assert "--identity pid, --camera camid" in said(path, "--vectors", "v*", check=1)
    line = said(path, "--vectors", "v*", "--identity", "pid", "--camera", "camid")
    assert "metadata: note" in line


def test_a_label_beside_what_is_no_identity_passes(tmp_path: Path) -> None:
    columns = {"label": IDENTITY, "id": range(N), "name": ["x"] * N, "device": CAMERA, **numbered()}
    assert "metadata: id, name, device" in said(write_csv(tmp_path / "v.csv", columns), "--vectors", "v*")


def test_the_names_of_reid_scripts_for_queries_and_gallery(tmp_path: Path) -> None:
    arrays = {"qf": VECTORS[:10], "gf": VECTORS[10:], "q_pids": IDENTITY[:10], "g_pids": IDENTITY[10:]}
    line = said(npz(tmp_path / "v.npz", **arrays, epoch=np.array(3)))
    assert "40 vectors of 8 numbers ('qf' and 'gf'), identity = 'q_pids, g_pids'; not read: epoch" in line
    roles = {"query": VECTORS[:10], "gallery": VECTORS[10:], "query_camid": CAMERA[:10], "gallery_camid": CAMERA[10:]}
    more = npz(tmp_path / "more.npz", **roles, query_identity=IDENTITY[:10], gallery_identity=IDENTITY[10:])
    assert "identity, camera = 'query_camid, gallery_camid'" in said(more, store=tmp_path / "more")
    same = npz(tmp_path / "same.npz", vectors=VECTORS, **FIELDS)
    said(same, "--vectors", "vectors", store=tmp_path / "same")
    assert rank_1(tmp_path / "more") == rank_1(tmp_path / "same")
    assert rank_1(tmp_path / "store") != rank_1(tmp_path / "same")


@pytest.mark.parametrize("kind", ["npz", "npy", "roles"])
def test_a_matrix_that_lies_the_other_way_round(tmp_path: Path, kind: str) -> None:
    options: tuple[str | Path, ...] = ("--vectors", "feats")
    turned = VECTORS.T
    if kind == "npz":
        path = npz(tmp_path / "v.npz", feats=turned, **FIELDS)
    elif kind == "npy":
        path = tmp_path / "v.npy"
        np.save(path, turned)
        options = ("--metadata", write_csv(tmp_path / "m.csv", dict(FIELDS)))
    else:
        options = ()
        ids = {"query_identity": IDENTITY[:10], "gallery_identity": IDENTITY[10:]}
        path = npz(tmp_path / "v.npz", query=turned[:, :10], gallery=turned[:, 10:], **ids)
    assert "the other way round; save the" in said(path, *options, check=1).replace("their transposes", "the")
    assert not (tmp_path / "store").exists()


def test_queries_and_gallery_of_one_size_that_lie_the_other_way_round(tmp_path: Path) -> None:
    ids = {"query_identity": IDENTITY[:20], "gallery_identity": IDENTITY[20:]}
    path = npz(tmp_path / "v.npz", query=VECTORS[:20].T, gallery=VECTORS[20:].T, **ids)
    assert "they lie the other way round; save the transpose" in said(path, check=1)


def test_a_file_is_not_added_a_second_time_under_other_names(tmp_path: Path) -> None:
    names = np.array([f"{at}.jpg" for at in range(N)])
    path = npz(tmp_path / "v.npz", feats=VECTORS, names=names, **FIELDS)
    options = ("--vectors", "feats")
    said(path, *options, "--filepath", "")
    before = rank_1(tmp_path / "store")
    assert "0 new samples" in said(path, *options, "--filepath", "")
    again = said(path, *options, "--filepath", "names", check=1)
    assert "40 of 40 new rows" in again
    assert "each would count twice" in again
    copy = npz(tmp_path / "copy.npz", feats=VECTORS, **FIELDS)
    for target in (("--space", "v"), ("--space-name", "other"), ()):
        assert "samples of 'import:v'" in said(copy, *options, *target, store=tmp_path / "store", check=1)
    assert rank_1(tmp_path / "store") == before
    assert "40 dropped" in said(path, *options, "--filepath", "names", "--prune")
    assert rank_1(tmp_path / "store") == before
    assert "40 new samples" in said(copy, *options, store=tmp_path / "own")


def test_a_few_shared_vectors_are_told(tmp_path: Path) -> None:
    labels = np.array(["a"] * 20)
    said(npz(tmp_path / "one.npz", feats=VECTORS[:20], label=labels), "--vectors", "feats")
    two = npz(tmp_path / "two.npz", feats=VECTORS[15:35], label=labels)
    line = said(two, "--vectors", "feats", "--space", "one")
    assert "5 of 20 new rows" in line
    assert "20 new samples" in line


@pytest.mark.parametrize(("value", "says"), [(0, "is all zero"), (np.nan, "is not finite"), (np.inf, "is not finite")])
def test_rows_without_a_direction_are_named(tmp_path: Path, value: float, says: str) -> None:
    vectors = VECTORS.copy()
    vectors[7] = value
    line = said(npz(tmp_path / "v.npz", feats=vectors, **FIELDS), "--vectors", "feats", check=1)
    assert f"Row 7 (counted from 0) of array 'feats' of {tmp_path}/v.npz {says}; drop it" in line
    good = np.arange(N) != 7
    fields = {name: values[good] for name, values in FIELDS.items()}
    assert "39 rows" in said(npz(tmp_path / "v.npz", feats=vectors[good], **fields), "--vectors", "feats")


def test_numbers_without_a_header_line_are_refused(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "v.csv", VECTORS, delimiter=",")
    assert "has no header line" in said(tmp_path / "v.csv", "--vectors", "*", check=1)
    text = (tmp_path / "v.csv").read_text()
    (tmp_path / "v.csv").write_text(",".join(f"v{at}" for at in range(D)) + "\n" + text)
    assert "40 rows" in said(tmp_path / "v.csv", "--vectors", "v*")
    columns = {str(at): VECTORS[:, at] for at in range(D)}
    assert "40 rows" in said(write_csv(tmp_path / "pandas.csv", columns), "--vectors", "*", store=tmp_path / "other")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("v.mat", "v.mat cannot be read as a .mat file"),
        ("v.pt", "np.savez"),
        ("v.pth", "np.savez"),
        ("v.pkl", "pickles are never opened"),
        ("v.h5", "h5py"),
        ("v.safetensors", "load_file"),
        ("v.txt", "np.loadtxt"),
        ("v.doc", "give .csv, .tsv, .npz, .npy, .mat, .pt or .parquet"),
    ],
)
def test_other_formats_say_how_they_become_one_that_is_read(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps([1.0]))
    assert says in said(tmp_path / name, check=1)


def test_archives_that_swell_or_claim_more_than_they_hold(tmp_path: Path) -> None:
    zeros = np.zeros((200_000, 200), np.float32)
    zeros[:, 0] = 1
    np.savez_compressed(tmp_path / "v.npz", vectors=zeros)
    line = said(tmp_path / "v.npz", "--vectors", "vectors", check=1)
    assert "more than 200 times as much; write it with np.savez." in line
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 100
    with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
        archive.writestr("vectors.npy", data)
    assert "more than it holds" in said(tmp_path / "claims.npz", "--vectors", "vectors", check=1)


def test_columns_that_swell(tmp_path: Path) -> None:
    width, rows = 2000, 20_000
    column = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows * width, np.float32)), width)
    parquet.write_table(pa.table({"vector": column}), tmp_path / "v.parquet", compression="zstd")
    assert "more than 200 times" in said(tmp_path / "v.parquet", check=1)
