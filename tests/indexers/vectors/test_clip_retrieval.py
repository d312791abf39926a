"""Folders of clip-retrieval as they lie: shards matched by number, rows checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.vectors.clip_retrieval import read_shards
from indexers.vectors.imported import VectorOptions
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, UnknownNameError
from tests.support.command_line import call_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RNG = np.random.default_rng(0)
SIZES = {0: 5, 1: 5, 2: 3}


def run_of(folder: Path, *, text: bool = True, digits: int = 1, sizes: dict[int, int] = SIZES) -> dict[str, Any]:
    """What ``clip-retrieval inference`` leaves: half precision, an index of pandas, ``stats`` beside."""
    written: dict[str, Any] = {"img_emb": [], "text_emb": [], "image_path": []}
    for number, rows in sizes.items():
        for name in ("img_emb", "text_emb") if text else ("img_emb",):
            (folder / name).mkdir(parents=True, exist_ok=True)
            array = RNG.standard_normal((rows, 8)).astype(np.float16)
            np.save(folder / name / f"{name}_{number:0{digits}}.npy", array)
            written[name].append(array.astype(np.float32))
        paths = [f"{number:05}{at:04}" for at in range(rows)]
        written["image_path"] += paths
        columns = {"image_path": paths, "caption": ["a mushroom"] * rows, "width": [640] * rows}
        columns["exif"] = [None] * rows if number == 0 else ["{}"] * rows
        (folder / "metadata").mkdir(exist_ok=True)
        table = pa.table(columns | {"__index_level_0__": list(range(rows))})
        parquet.write_table(table, folder / "metadata" / f"metadata_{number:0{digits}}.parquet")
    (folder / "stats").mkdir()
    (folder / "stats" / "0.json").write_text("{}")
    return written


def test_images_and_their_rows(tmp_path: Path) -> None:
    written = run_of(tmp_path / "run")
    read = read_vectors(tmp_path / "run", VectorOptions())
    assert np.array_equal(read.vectors, np.concatenate(written["img_emb"]))
    assert list(read.rows) == written["image_path"]
    assert read.columns["meta_caption"] == ["a mushroom"] * 13
    assert read.columns["meta_exif"] == [None] * 5 + ["{}"] * 8
    assert "filepath = 'image_path'" in read.notes[0]
    assert "not read: text_emb" in read.notes[0]
    assert "meta___index_level_0__" not in read.columns


def test_numbers_with_zeros_and_more_than_nine_shards(tmp_path: Path) -> None:
    written = run_of(tmp_path / "run", digits=2, sizes=dict.fromkeys(range(11), 2))
    read = read_vectors(tmp_path / "run", VectorOptions())
    assert np.array_equal(read.vectors, np.concatenate(written["img_emb"]))
    assert list(read.rows) == written["image_path"]


def test_texts_in_place_of_images(tmp_path: Path) -> None:
    written = run_of(tmp_path / "run")
    read = read_vectors(tmp_path / "run", VectorOptions(vectors="text_emb"))
    assert np.array_equal(read.vectors, np.concatenate(written["text_emb"]))
    with pytest.raises(UnknownNameError, match=r"'img_embs'. Did you mean 'img_emb'"):
        read_vectors(tmp_path / "run", VectorOptions(vectors="img_embs"))


def test_it_is_imported_and_twice_changes_nothing(tmp_path: Path) -> None:
    run_of(tmp_path / "run", text=False)
    said = call_cli("import-vectors", tmp_path / "run", "--store", tmp_path / "s", "--label", "caption")
    assert "13 rows, 13 new vectors" in said.stdout
    assert "label = 'caption'" in said.stderr
    again = call_cli("import-vectors", tmp_path / "run", "--store", tmp_path / "s", "--label", "caption")
    assert "0 new vectors, 0 new samples, 0 changed" in again.stdout


def resave(path: Path, array: Any) -> None:
    np.save(path, array)


def rename_all(folder: Path) -> None:
    for path in list(folder.glob("*.npy")):
        path.rename(folder / path.name.replace("img_emb", "part"))


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "no metadata": lambda _, metadata: (metadata / "metadata_1.parquet").unlink(),
    "no vectors": lambda emb, _: (emb / "img_emb_2.npy").unlink(),
    "rows": lambda emb, _: resave(emb / "img_emb_1.npy", np.ones((4, 8))),
    "width": lambda emb, _: resave(emb / "img_emb_2.npy", np.ones((3, 9))),
    "flat": lambda emb, _: resave(emb / "img_emb_2.npy", np.ones(3)),
    "nan": lambda emb, _: resave(emb / "img_emb_1.npy", np.where(np.eye(5, 8) > 0, np.nan, 1)),
    "torn": lambda emb, _: (emb / "img_emb_1.npy").write_bytes((emb / "img_emb_1.npy").read_bytes()[:-7]),
    "torn metadata": lambda _, metadata: (metadata / "metadata_1.parquet").write_bytes(b"PAR1"),
    "twice": lambda emb, _: (emb / "img_emb_01.npy").write_bytes((emb / "img_emb_1.npy").read_bytes()),
    "other": lambda emb, _: rename_all(emb),
}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no metadata", "has no shard of metadata for img_emb_1.npy; fetch what is missing"),
        ("no vectors", "has no shard of img_emb for metadata_2.parquet"),
        ("rows", "img_emb_1.npy has 4 rows and metadata_1.parquet has 5"),
        ("width", "img_emb_1.npy has vectors of dimension 8 and img_emb_2.npy of 9"),
        ("flat", "img_emb_2.npy is no array of shape"),
        ("nan", "Row 0 .counted from 0. of .*img_emb_1.npy is not finite"),
        ("torn", "img_emb_1.npy"),
        ("torn metadata", "metadata_1.parquet cannot be read as Parquet"),
        ("twice", "img_emb_01.npy and img_emb_1.npy have the same number"),
        ("other", "is a folder without img_emb/img_emb_0.npy"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path: Path, how: str, says: str) -> None:
    run_of(tmp_path / "run", text=False)
    DAMAGE[how](tmp_path / "run" / "img_emb", tmp_path / "run" / "metadata")
    with pytest.raises(InputError, match=says) as caught:
        read_shards(tmp_path / "run", VectorOptions(), described=True)
    assert "\n" not in str(caught.value)


def test_a_part_of_a_run_that_failed_is_told(tmp_path: Path) -> None:
    run_of(tmp_path / "run", sizes={0: 2, 3: 2})
    assert "run has no shards 1, 2 of 4." in read_vectors(tmp_path / "run", VectorOptions()).notes
