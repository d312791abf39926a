"""``export-vectors``: what comes out is read by numpy and pandas, and by ``import-vectors`` equal to the bit."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from retrieval.store.open import open_store
from retrieval.types import Embeddings
from tests.support.command_line import ROOT, call_cli, call_json
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"a{at:02}" for at in range(30)]
UNITS = unit(30, 16)
MINUTE = datetime(2024, 5, 31, 14)  # noqa: DTZ001 - the store's times have no zone
COLUMNS: dict[str, Any] = {
    "label": [f"Amanita {at % 3}" if at % 7 else None for at in range(30)],
    "identity": [str(at % 5) for at in range(30)],
    "camera": ["c1", "c2"] * 15,
    "group": [None, "burst é"] * 15,
    "aspect": ["dorsal left"] * 30,
    "split": ["train", "test", None] * 10,
    "captured_at": [MINUTE.replace(second=at) if at % 4 else None for at in range(30)],
    "meta_age": list(range(30)),
    "meta_weight": [at / 7 for at in range(30)],
    "meta_note": ["=1+1", None, "a,b"] * 10,
    "meta_wild": [True, False] * 15,
}  # fmt: skip
FILES = ("v.npz", "v.parquet", "v")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "store"
    store_with(path, NAMES, UNITS, **COLUMNS)
    return path


def contents(store: Path, columns: list[str]) -> dict[str, Any]:
    """Vectors and lengths of all samples, as bytes, and their columns, by path."""
    with open_store(store).snapshot() as snapshot:
        (space,) = snapshot.spaces
        matrix = snapshot.vectors(space)
        at = {key.decode(): row for key, row in zip(matrix.keys.tolist(), matrix.data, strict=True)}
        norms = {row["key"]: row["n_base"] for row in snapshot.norms(space).to_pylist()}
        return {
            row["uri"]: (at[row["key"]].tobytes(), norms[row["key"]], {name: row[name] for name in columns})
            for row in snapshot.samples(["uri", "key", *columns]).to_pylist()
        }


@pytest.mark.parametrize("name", FILES)
def test_a_round_trip_is_equal_to_the_bit(source: Path, tmp_path: Path, name: str) -> None:
    call_cli("export-vectors", "--store", source, "--out", tmp_path / name)
    done = call_cli("import-vectors", tmp_path / name, "--store", tmp_path / "store")
    assert "30 rows, 30 new vectors, 30 new samples" in done.stdout
    assert "not read: id, source" in done.stderr
    assert contents(tmp_path / "store", list(COLUMNS)) == contents(source, list(COLUMNS))
    assert call_json("verify", "--store", tmp_path / "store")
    # and once more, from the store that was made of the file
    call_cli("export-vectors", "--store", tmp_path / "store", "--out", tmp_path / "again" / name)
    call_cli("import-vectors", tmp_path / "again" / name, "--store", tmp_path / "store2")
    assert contents(tmp_path / "store2", list(COLUMNS)) == contents(source, list(COLUMNS))


def test_an_export_to_the_same_place_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        for file in FILES[:2]:
            call_cli("export-vectors", "--store", source, "--out", tmp_path / name / file)
    for file in FILES[:2]:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_numpy_and_pandas_read_it_without_us(source: Path, tmp_path: Path) -> None:
    report = call_json("export-vectors", "--store", source, "--out", tmp_path / "v.npz", "--where", "split = 'train'")
    assert (report["vectors"], report["dimension"], report["format"]) == (10, 16, "npz")
    z = np.load(tmp_path / "v.npz", allow_pickle=False)
    train = slice(0, 30, 3)
    assert np.array_equal(z["vectors"], UNITS.vectors[train])
    assert np.array_equal(z["vector_length"], UNITS.norms[train])
    assert z["id"].tolist() == NAMES[train]
    assert z["label"].tolist() == [label or "" for label in COLUMNS["label"][train]]
    assert z["captured_at"].tolist() == COLUMNS["captured_at"][train]
    assert z["meta_age"].dtype == np.int64
    provenance = json.loads(str(z["provenance"]))
    assert (provenance["view"], provenance["where"]) == ("base", "split = 'train'")
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "v.parquet")
    table = parquet.read_table(tmp_path / "v.parquet")
    assert np.array_equal(np.array(table.column("vector").to_pylist(), np.float32), UNITS.vectors)
    assert table.column("label").to_pylist() == COLUMNS["label"]
    assert json.loads(table.schema.metadata[b"provenance"])["fingerprint"]
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "shards")
    assert np.array_equal(np.load(tmp_path / "shards" / "img_emb" / "img_emb_0.npy"), UNITS.vectors)
    metadata = parquet.read_table(tmp_path / "shards" / "metadata" / "metadata_0.parquet")
    assert metadata.column("image_path").to_pylist() == [f"{name}.jpg" for name in NAMES]


def test_logits_stay_recoverable(source: Path, tmp_path: Path) -> None:
    """A layer of a network sees features as they were: n (W v) + b is the same before and behind a round trip."""
    weight = np.random.default_rng(1).standard_normal((3, 16)).astype(np.float32)
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "v.npz")
    z = np.load(tmp_path / "v.npz")
    logits = z["vector_length"][:, None] * (z["vectors"] @ weight.T)
    expected = (UNITS.vectors * UNITS.norms[:, None]) @ weight.T
    np.testing.assert_allclose(logits, expected, rtol=1e-4)


def test_equal_directions_of_different_lengths_stay_apart(tmp_path: Path) -> None:
    one = unit(1, 4).vectors
    store_with(tmp_path / "s", ["a", "b"], Embeddings(np.concatenate([one, one]), np.array([2, 3], np.float32)))
    call_cli("export-vectors", "--store", tmp_path / "s", "--out", tmp_path / "v.parquet")
    call_cli("import-vectors", tmp_path / "v.parquet", "--store", tmp_path / "t")
    assert contents(tmp_path / "t", []) == contents(tmp_path / "s", [])


def test_samples_of_one_path_and_samples_without_a_vector(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b", "c"], unit(3), uri=["x.jpg", "x.jpg", "y.jpg"], label="l")
    with store.writer() as writer:
        writer.append_samples(pa.table({"id": ["d"], "source": ["s"], "uri": ["d.jpg"], "key": ["k"], "position": [3]}))
        writer.commit("more")
    done = call_cli("export-vectors", "--store", tmp_path / "s", "--out", tmp_path / "v.parquet")
    assert ", 1.\nSamples that share a path: 2; their filepath ends in # and the id." in done.stderr
    table = parquet.read_table(tmp_path / "v.parquet")
    assert table.column("filepath").to_pylist() == ["x.jpg#a", "x.jpg#b", "y.jpg"]
    assert "3 rows" in call_cli("import-vectors", tmp_path / "v.parquet", "--store", tmp_path / "t").stdout


def test_vectors_attach_to_the_images_that_they_are_of(source: Path, tmp_path: Path) -> None:
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "v.npz")
    store, _ = store_with(tmp_path / "t", NAMES, unit(30, 8, seed=1))
    with store.writer() as writer:
        writer.put_source("s", "folder", str(tmp_path))
        writer.commit("source")
    done = call_cli("import-vectors", tmp_path / "v.npz", "--attach", "s", "--store", tmp_path / "t")
    assert "30 of 30 rows matched by path, 30 new vectors" in done.stdout
    with open_store(tmp_path / "t").snapshot() as snapshot:
        space = snapshot.space("v")
        assert np.array_equal(snapshot.vectors(space).data, UNITS.vectors)
        assert np.array_equal(snapshot.norms(space).column("n_base").to_numpy(), UNITS.norms)


def test_what_cannot_be_done_is_one_sentence(source: Path, tmp_path: Path) -> None:
    def refused(*options: str | Path, status: int = 1) -> str:
        return call_cli("export-vectors", "--store", source, *options, check=status).stderr

    out = tmp_path / "v.npz"
    call_cli("export-vectors", "--store", source, "--out", out)
    assert "exists; replace it with --force, or choose another name for --out" in refused("--out", out)
    call_cli("export-vectors", "--store", source, "--out", out, "--force")
    assert "No format of exported vectors with the suffix '.npy'" in refused("--out", tmp_path / "v.npy", status=2)
    assert "No space 'clip'" in refused("--out", tmp_path / "w.npz", "--space", "clip", status=2)
    assert "No view" in refused("--out", tmp_path / "w.npz", "--view", "hflip", status=2)
    assert "nothing to export" in refused("--out", tmp_path / "w.npz", "--where", "label = 'x'")
    assert "is not a condition" in refused("--out", tmp_path / "w.npz", "--where", "label =")
    assert "No bank 'words'" in refused("--out", tmp_path / "w.npz", "--bank", "words", status=2)
    assert "--where is for vectors" in refused("--out", tmp_path / "w.npz", "--bank", "words", "--where", "label = 'x'")
    assert "--thumbnails go into Parquet; write --format parquet" in refused(
        "--out", tmp_path / "w.npz", "--thumbnails"
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    assert "holds other things (thesis.tex)" in refused("--out", tmp_path / "mine", "--force")
    assert "is a folder; name a file in it" in refused("--out", tmp_path / "mine", "--format", "npz")
    assert "is a file, and this format is a folder" in refused("--out", out, "--format", "clip-retrieval")
    assert "cannot be written" in refused("--out", out / "below.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "v.npz"]
    call_cli("export-vectors", "--out", "x", "--format", "hdf5", check=2)


def test_a_folder_is_replaced_whole(source: Path, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "v")
    assert (
        "exists; replace it" in call_cli("export-vectors", "--store", source, "--out", tmp_path / "v", check=1).stderr
    )
    call_cli("export-vectors", "--store", source, "--out", tmp_path / "v", "--force", "--where", "split = 'train'")
    assert len(np.load(tmp_path / "v" / "img_emb" / "img_emb_0.npy")) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_samples_about_which_nothing_is_known(tmp_path: Path) -> None:
    store_with(tmp_path / "s", ["a", "b"], unit(2))
    for name in FILES:
        call_cli("export-vectors", "--store", tmp_path / "s", "--out", tmp_path / name)
        done = call_cli("import-vectors", tmp_path / name, "--store", tmp_path / f"{name}-store")
        assert "2 rows, 2 new vectors" in done.stdout


def test_the_page_is_right(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call_cli("export-vectors", "--store", source, "--out", "hands.npz")
    call_cli("export-vectors", "--store", source, "--out", "train.parquet", "--where", "split = 'train'")
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    with_numpy, with_pandas = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(with_numpy, names)  # noqa: S102 - the block of the page
    np.testing.assert_allclose(names["features"], UNITS.vectors * UNITS.norms[:, None])
    pytest.importorskip("pandas")
    exec(with_pandas, names)  # noqa: S102
    assert np.array_equal(names["X"], UNITS.vectors[::3])


@pytest.mark.parametrize("name", FILES)
def test_a_killed_export_leaves_nothing_that_looks_whole(
    source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / name
    call_cli("export-vectors", "--store", source, "--out", out)
    before = contents_of(out)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("retrieval.export.rows.BLOCK_BYTES", 64)
    monkeypatch.setattr("retrieval.progress._LineProgress.advance", stop)
    done = call_cli("export-vectors", "--store", source, "--out", out, "--force", check=1)
    assert "Stopped." in done.stderr
    assert contents_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def contents_of(out: Path) -> dict[str, bytes]:
    files = [out] if out.is_file() else sorted(path for path in out.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files}
