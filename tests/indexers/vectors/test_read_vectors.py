from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from indexers.vectors import arrays
from indexers.vectors.arrays import NpzArrays
from indexers.vectors.imported import VectorOptions
from indexers.vectors.read_bank import BankOptions, read_bank
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, MissingFileError, UnknownNameError, VitrineError
from tests.support.shared_data import SHARED, needs_shared

RNG = np.random.RandomState(0)
V = RNG.randn(6, 4).astype(np.float32)
IDS = np.arange(6)


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "v.npz", **arrays)
    return folder / "v.npz"


def conventional(**changes: Any) -> dict[str, Any]:
    arrays = {"query": V[:2], "query_identity": IDS[:2], "gallery": V[2:], "gallery_identity": IDS[2:]}
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def test_query_and_gallery_need_no_options(tmp_path: Path) -> None:
    path = npz(
        tmp_path, **conventional(query_camera=np.array(["01", "2"]), gallery_camera=np.array([1.0, 2, 3, np.nan]))
    )
    read = read_vectors(path, VectorOptions())
    assert np.array_equal(read.vectors, V)
    assert read.vectors.dtype == np.float32
    assert read.rows == ["query/0", "query/1", "gallery/0", "gallery/1", "gallery/2", "gallery/3"]
    assert read.columns == {
        "identity": ["0", "1", "2", "3", "4", "5"],
        "camera": ["01", "2", "1", "2", "3", None],
        "split": ["query"] * 2 + ["gallery"] * 4,
    }


def test_named_arrays(tmp_path: Path) -> None:
    path = npz(
        tmp_path,
        features=V.astype(np.float64),
        who=np.array([b"a", b"b", b"c", b"d", b"e", b"f"]),
        part=np.array(["Train", "valid", "test", "query", "gallery", ""]),
        when=np.array(["2024-05-31"] * 5 + ["NaT"], dtype="datetime64[D]"),
        files=np.array([f"{at}.jpg" for at in range(6)]),
        other=np.zeros(3),
    )
    options = VectorOptions(vectors="features", identity="who", split="part", captured_at="when", filepath="files")
    read = read_vectors(path, options)
    assert np.array_equal(read.vectors, V)
    assert read.rows[5] == "5.jpg"
    assert read.columns == {
        "identity": list("abcdef"),
        "split": ["train", "val", "test", "query", "gallery", None],
        "captured_at": [datetime.fromisoformat("2024-05-31")] * 5 + [None],
    }
    assert read_vectors(path, VectorOptions(vectors="features", filepath="")).rows[-1] == "features/5"


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": V}, {}, r"which array of .* \(`vectors`\); it has: x\."),
        (conventional(), {"label": "query_identity"}, "`vectors`"),
        (
            conventional(gallery_identity=None),
            {},
            "only one of query_identity and gallery_identity; add gallery_identity",
        ),
        (conventional(query_identity=None, gallery_identity=None), {}, "no query_identity and gallery_identity"),
        (conventional(gallery=V[2:, :3]), {}, "query has dimension 4, gallery 3"),
        (conventional(query_identity=IDS[:1]), {}, "There are 2 vectors, but array 'query_identity' of .* has 1 rows"),
        (conventional(query=np.where(np.eye(2, 4), np.nan, V[:2])), {}, "Row 0 .*array 'query'.* is not finite"),
        (conventional(gallery=V[2:] * [[1], [1], [0], [1]]), {}, "Row 2 .*array 'gallery'.* is all zero"),
        (conventional(gallery=V[2:].astype(np.float64) * 1e300), {}, "Row 0 .* is not finite"),
        (conventional(query=V[0]), {}, "array 'query' of .* is float32 of shape \\(4,\\)"),
        (conventional(query=V[:0]), {}, r"shape \(0, 4\)"),
        (conventional(query=V[:2].astype(np.complex64)), {}, "complex64"),
        (conventional(query_identity=np.eye(2)), {}, "'query_identity' of .* one text or number per vector"),
        ({"x": V, "y": IDS}, {"vectors": "x", "split": "y"}, "'0' .*row 0.* is no split"),
        ({"x": V, "y": IDS}, {"vectors": "x", "captured_at": "y"}, "captured_at '0' .*row 0.* is not a date"),
        ({"x": V, "y": IDS // 2}, {"vectors": "x", "filepath": "y"}, "filepath of row 1 .* repeats '0'"),
        ({"x": V}, {"vectors": "x", "metadata": "t.csv"}, "metadata table goes with an .npy file"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], options: dict[str, Any], message: str) -> None:
    path = npz(tmp_path, **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_vectors(path, VectorOptions(**options))
    assert "v.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_array_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'featurs'. Did you mean 'features'\? There is: features, label"):
        read_vectors(npz(tmp_path, features=V, label=IDS), VectorOptions(vectors="featurs"))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = np.array([Evil()] * 6, dtype=object)
    path = npz(tmp_path, x=V, y=evil)
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Evil()))
    np.save(tmp_path / "o.npy", evil)
    (tmp_path / "t.csv").write_text("label\n" + "a\n" * 6)
    for file, options in (
        (path, {"vectors": "x", "label": "y"}),
        (path, {"vectors": "y"}),
        (tmp_path / "raw.npz", {}),
        (tmp_path / "o.npy", {"metadata": "t.csv"}),
    ):
        with pytest.raises(InputError, match="holds Python objects, which are never unpickled"):
            read_vectors(file, VectorOptions.model_validate(options))
    assert not (tmp_path / "executed").exists()


def _files() -> dict[str, bytes]:
    """A good file of each format, with a table beside the ``.npy``."""
    archive, array, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez_compressed(archive, **conventional())
    np.save(array, V)
    parquet.write_table(pa.table({"vector": V.tolist(), "label": list("aabbcc"), "age": IDS}), table)
    return {"v.npz": archive.getvalue(), "v.npy": array.getvalue(), "v.parquet": table.getvalue()}


@pytest.mark.parametrize("name", ["v.npz", "v.npy", "v.parquet"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8), cut=st.booleans())
def test_damaged_files_never_give_a_traceback(
    tmp_path: Path, name: str, damage: list[tuple[int, int]], *, cut: bool
) -> None:
    raw = bytearray(_files()[name])
    for at, value in damage:
        raw[at % len(raw)] = value
    (tmp_path / name).write_bytes(raw[: damage[0][0] % len(raw)] if cut else raw)
    (tmp_path / "t.csv").write_text("label\n" + "a\n" * 6)
    options = VectorOptions(metadata=tmp_path / "t.csv" if name == "v.npy" else None)
    with contextlib.suppress(VitrineError):
        assert np.isfinite(read_vectors(tmp_path / name, options).vectors).all()


def test_a_header_that_breaks_the_tokenizer(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", V)
    (tmp_path / "v.npy").write_bytes((tmp_path / "v.npy").read_bytes().replace(b"}", b"("))
    with pytest.raises(InputError, match=r"Cannot read .*v\.npy"):
        read_vectors(tmp_path / "v.npy", VectorOptions(metadata=tmp_path / "t.csv"))


def test_other_files_inside_the_archive_do_not_matter(tmp_path: Path) -> None:
    path = npz(tmp_path, **conventional())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "hello")
    assert len(read_vectors(path, VectorOptions()).rows) == 6
    with pytest.raises(InputError, match=r"array 'readme\.txt'"):
        read_vectors(path, VectorOptions(vectors="readme.txt"))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Any, order: Any) -> None:
    monkeypatch.setattr(arrays, "_MAPPED_BYTES", 16)
    save(tmp_path / "v.npz", other=IDS, features=np.asarray(V, order=order), label=np.array(list("abcabc")))
    read = read_vectors(tmp_path / "v.npz", VectorOptions(vectors="features"))
    assert np.array_equal(read.vectors, V)
    assert read.columns == {"label": ["a", "b", "c", "a", "b", "c"]}
    assert isinstance(NpzArrays(tmp_path / "v.npz").read("features"), np.memmap) == (save is np.savez)


def test_damage_of_a_mapped_array_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MAPPED_BYTES", 16)
    path = npz(tmp_path, features=V)
    data = bytearray(path.read_bytes())
    data[data.index(V.tobytes()) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged: Bad CRC-32"):
        read_vectors(path, VectorOptions(vectors="features"))


def test_npy_with_a_table(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", V.astype(np.float16))
    table = tmp_path / "t.tsv"
    table.write_text("path\tid\tage\tcode\n" + "".join(f"{at}.jpg\t00{at}\t{at}\t0{at}\n" for at in range(6)))
    options = VectorOptions(metadata=table, identity="id", filepath="path")
    read = read_vectors(tmp_path / "v.npy", options)
    assert np.array_equal(read.vectors, V.astype(np.float16).astype(np.float32))
    assert read.rows == [f"{at}.jpg" for at in range(6)]
    assert read.columns == {
        "identity": [f"00{at}" for at in range(6)],
        "meta_age": list(range(6)),
        "meta_code": [f"0{at}" for at in range(6)],
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "says nothing about its vectors; give a table .* metadata=TABLE"),
        ("label\na\n", "There are 6 vectors, but .* has 1 rows"),
        ("label\na,b\n", "row 2 has 2 cells, .*; every vector needs its row"),
        ("filepath\n\na\n", "There are 6 vectors"),
        ("label,split\n" + "a,train\n" * 5 + "a,fold\n", r"'fold' \(t\.csv row 7\) is no split"),
    ],
)
def test_tables_that_do_not_fit(tmp_path: Path, table: str | None, message: str) -> None:
    np.save(tmp_path / "v.npy", V)
    (tmp_path / "t.csv").write_text(table or "")
    with pytest.raises(InputError, match=message):
        read_vectors(tmp_path / "v.npy", VectorOptions(metadata=tmp_path / "t.csv" if table else None))


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 4), pa.large_list(pa.float64())])
def test_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {
        "vector": pa.array(V.tolist(), kind),
        "identity": IDS,
        "label": list("aabbcc"),
        "age": [1, None, 2, 3, 4, 5],
    }
    parquet.write_table(pa.table(columns), tmp_path / "v.parquet", row_group_size=4)
    read = read_vectors(tmp_path / "v.parquet", VectorOptions())
    assert np.array_equal(read.vectors, V)
    assert read.rows == [f"row/{at}" for at in range(6)]
    assert read.columns == {
        "identity": ["0", "1", "2", "3", "4", "5"],
        "label": list("aabbcc"),
        "meta_age": [1, None, 2, 3, 4, 5],
    }


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"vectors": V.tolist()}, {}, "no column 'vector' of vectors. Did you mean 'vectors'.* `vectors=NAME`"),
        ({"vector": IDS}, {}, "holds int64, not lists of numbers"),
        ({"vector": [["a"]]}, {}, "Vectors must be numbers"),
        ({"vector": [[1.0], [1.0, 2.0]]}, {}, r"row 1 \(counted from 0\) has 2 numbers, row 0 has 1"),
        ({"vector": [[1.0], None]}, {}, "empty cells or no rows"),
        ({"vector": [[1.0], [None]]}, {}, "Row 1 .* is not finite"),
        ({"vector": pa.array([], pa.list_(pa.float32()))}, {}, "empty cells or no rows"),
        ({"vector": [[1.0]], "more": [[1.0]]}, {}, "column 'more' holds list"),
        ({"vector": [[1.0]], "y": ["a"]}, {"label": "x"}, "no column 'x'"),
        ({"vector": [[1.0]]}, {}, "names no columns that describe its rows; add one"),
    ],
)
def test_parquet_that_does_not_fit(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, str], message: str
) -> None:
    parquet.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(InputError, match=message):
        read_vectors(tmp_path / "v.parquet", VectorOptions.model_validate(options))


def test_files_of_another_kind_or_none(tmp_path: Path) -> None:
    for name in ("v.npz", "v.npy", "v.parquet"):
        with pytest.raises(MissingFileError, match=f"no file .*{name}"):
            read_vectors(tmp_path / name, VectorOptions(metadata=tmp_path / "t.csv" if name == "v.npy" else None))
    with pytest.raises(InputError, match=r"give \.csv, \.tsv, \.npz, \.npy, \.mat, \.pt or \.parquet"):
        read_vectors(tmp_path / "v.h5", VectorOptions())
    (tmp_path / "v.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_vectors(tmp_path / "v.parquet", VectorOptions())


def test_bank_joins_equal_vectors(tmp_path: Path) -> None:
    # Rows 0 and 2 are one text of two classes, 3 repeats 1 in its class, 4 has the vector of 1 but another text.
    path = npz(
        tmp_path,
        text=V[[0, 1, 0, 1, 1]],
        of=np.array([0, 0, 1, 0, 1]),
        names=np.array(["cat", "dog"]),
        captions=np.array(["p", "q", "p", "q", "r "]),
    )
    bank = read_bank(path, BankOptions(vectors="text", class_index="of", classes="names"))
    assert np.array_equal(bank.vectors, V[[0, 1, 1]])
    assert bank.texts == ("p", "q", "r ")
    edges = list(zip(bank.edge_vector.tolist(), bank.edge_class.tolist(), strict=True))
    assert edges == [(0, "cat"), (1, "cat"), (0, "dog"), (2, "dog")]


def test_bank_with_a_class_name_per_vector_and_no_texts(tmp_path: Path) -> None:
    bank = read_bank(npz(tmp_path, w=V, c=IDS), BankOptions(vectors="w", classes="c"))
    assert bank.texts is None
    assert bank.edge_class.tolist() == ["0", "1", "2", "3", "4", "5"]
    assert bank.edge_vector.dtype == np.int64


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"i": IDS[:5]}, "There are 6 vectors, but Array 'i'"),
        ({"i": IDS}, "Row 5 of Array 'i' .* is 5, but 'c' holds 5 classes"),
        ({"i": IDS - 1}, "Row 0 of Array 'i' .* is -1"),
        ({"i": IDS * 0.5}, "must hold one whole number per vector"),
        ({"i": np.array(3)}, "must hold one whole number per vector"),
        ({"c": np.array(["a", ""])}, "Class 1 .* has no name"),
        ({"c": np.eye(2)}, "one text or number"),
        ({"texts": np.array(["a"])}, "There are 6 vectors, but array 'texts'"),
    ],
)
def test_banks_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = npz(tmp_path, **({"v": V, "i": IDS % 2, "c": np.array(list("abcde"))} | arrays))
    with pytest.raises(InputError, match=message):
        read_bank(path, BankOptions(vectors="v", class_index="i", classes="c"))


def test_a_bank_needs_an_npz(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"from an \.npz file"):
        read_bank(tmp_path / "v.npy", BankOptions(vectors="v", classes="c"))


@needs_shared
def test_real_reid_features() -> None:
    read = read_vectors(SHARED / "vectors" / "sketch_reid_50x100.npz", VectorOptions())
    assert read.vectors.shape == (150, 512)
    assert read.columns["split"] == ["query"] * 50 + ["gallery"] * 100
    assert read.columns["identity"][:2] == ["151", "152"]
    assert read.columns["camera"][0] == "0"


@needs_shared
def test_real_clip_vectors_and_captions() -> None:
    path = SHARED / "vectors" / "clip_vitb32_flickr8k_100x5.npz"
    images = read_vectors(path, VectorOptions(vectors="image", label="image_ids"))
    assert images.vectors.shape == (100, 512)
    bank = read_bank(path, BankOptions(vectors="text", class_index="text_image_index", classes="image_ids"))
    assert len(bank.vectors) == len(bank.texts or ()) <= 500
    assert set(bank.edge_class.tolist()) == set(images.columns["label"])
    # Text to image, the published R@1 .832: joins rows, edges and labels the right way round.
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (bank.vectors, images.vectors)]
    nearest = (unit[0] @ unit[1].T).argmax(axis=1)[bank.edge_vector]
    assert np.mean(np.array(images.columns["label"])[nearest] == bank.edge_class) == pytest.approx(0.832, abs=1e-9)
