"""Image folders with files of metadata, as Hugging Face's imagefolder has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError

Sample = tuple[str, str | None, str | None]


def make(root: Path, *uris: str) -> None:
    for uri in uris:
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).touch()


def read(root: Path, **options: Any) -> tuple[list[Sample], Any]:
    assert guess_kind(root) == "imagefolder"
    source = open_source(root, options=options)
    return [(sample.uri, sample.label, sample.split) for sample in source], source


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_metadata_per_split(tmp_path: Path, name: str) -> None:
    make(tmp_path, "train/0.png", "train/sub/1.png", "test/0.png")
    write_rows(
        tmp_path / "train" / name, [{"file_name": "0.png", "label": "cat"}, {"file_name": "sub/1.png", "label": "owl"}]
    )
    write_rows(tmp_path / "test" / name, [{"file_name": "0.png", "label": "dog"}])
    samples, source = read(tmp_path)
    assert samples == [
        ("test/0.png", "dog", "test"),
        ("train/0.png", "cat", "train"),
        ("train/sub/1.png", "owl", "train"),
    ]
    assert source.notes == [f"Columns of {tmp_path.name}: filepath, label, split."]


def test_one_file_at_the_root(tmp_path: Path) -> None:
    make(tmp_path, "train/0001.png", "validation/0001.png", "other/1.png")
    rows = [
        {"file_name": f"{folder}", "label": "x"} for folder in ("train/0001.png", "validation/0001.png", "other/1.png")
    ]
    write_rows(tmp_path / "metadata.csv", rows)
    assert [split for _, _, split in read(tmp_path)[0]] == ["train", "val", None]


def test_a_column_of_splits_goes_before_folders(tmp_path: Path) -> None:
    make(tmp_path, "train/0.png")
    write_rows(tmp_path / "train" / "metadata.csv", [{"file_name": "0.png", "label": "cat", "split": "test"}])
    assert read(tmp_path)[0] == [("train/0.png", "cat", "test")]


def test_no_split_at_all(tmp_path: Path) -> None:
    make(tmp_path, "0.png")
    write_rows(tmp_path / "metadata.csv", [{"file_name": "0.png", "label": "cat"}])
    samples, source = read(tmp_path)
    assert samples == [("0.png", "cat", None)]
    assert source.notes == [f"Columns of {tmp_path.name}: filepath, label."]


def test_files_without_a_line_and_lines_without_a_file_are_counted(tmp_path: Path) -> None:
    make(tmp_path, "train/0.png", "train/1.png", "train/2.png")
    write_rows(tmp_path / "train/metadata.csv", [{"file_name": f"{n}.png", "label": "x"} for n in (0, 7)])
    samples, source = read(tmp_path)
    assert len(samples) == 1
    assert set(source.tally.left_out) == {"images that no row lists", "rows without an image"}
    assert source.tally.left_out["images that no row lists"] == 2
    assert source.tally.first["images that no row lists"] == "train/1.png"
    assert source.tally.left_out["rows without an image"] == 1
    assert source.tally.first["rows without an image"] == "train/metadata.csv row 3"
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())


def test_columns_of_several_images(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.png")
    write_rows(tmp_path / "metadata.csv", [{"image_file_name": "a.png", "label": "x"}])
    assert read(tmp_path)[0] == [("a.png", "x", None)]
    write_rows(tmp_path / "metadata.csv", [{"image_file_name": "a.png", "mask_file_name": "b.png", "label": "x"}])
    with pytest.raises(InputError, match=r"several columns of images .* `columns=filepath=image_file_name`"):
        read(tmp_path)
    assert read(tmp_path, columns={"filepath": "mask_file_name"})[0] == [("b.png", "x", None)]


def test_a_table_of_another_kind_at_the_root(tmp_path: Path) -> None:
    """Wildlife data sets call their manifest metadata.csv, too."""
    make(tmp_path, "images/a.jpg")
    write_rows(tmp_path / "metadata.csv", [{"path": "images/a.jpg", "identity": "t1", "split": "train"}])
    assert read(tmp_path)[0] == [("images/a.jpg", None, "train")]


def test_no_label_is_refused_and_the_way_out_works(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    write_rows(tmp_path / "metadata.jsonl", [{"file_name": "a.png", "text": "a cat"}])
    with pytest.raises(InputError, match=r"no column 'label or identity'.*or with `columns=label=` that there is none"):
        read(tmp_path)
    assert read(tmp_path, columns={"label": None})[0] == [("a.png", None, None)]


def test_folders_that_are_no_image_folder(tmp_path: Path) -> None:
    make(tmp_path, "train/a.png")
    with pytest.raises(InputError, match=r"has no metadata\.csv, .*`source=folder`"):
        open_source(tmp_path, "imagefolder")
    write_rows(tmp_path / "train" / "metadata.csv", [{"image": "a.png", "label": "x"}])
    with pytest.raises(InputError, match=r"has no column file_name; it has: image, label.*`columns=filepath=NAME`"):
        read(tmp_path)
    assert read(tmp_path, columns={"filepath": "image"})[0] == [("train/a.png", "x", "train")]
    (tmp_path / "train" / "metadata.jsonl").touch()
    with pytest.raises(InputError, match=r"has metadata\.csv and metadata\.jsonl; remove one"):
        read(tmp_path)


def test_times_are_said_with_their_file(tmp_path: Path) -> None:
    make(tmp_path, "train/a.png", "test/a.png")
    for split, time in (("train", "2020-12-31"), ("test", "soon")):
        rows = [{"file_name": "a.png", "label": "x", "captured_at": time}]
        write_rows(tmp_path / split / "metadata.csv", rows)
    assert "'soon' in test/metadata.csv row 2" in read(tmp_path)[1].notes[1]


def test_folders_with_words_for_splits_are_noted_and_mapped(tmp_path: Path) -> None:
    make(tmp_path, "my_train/0.png", "my_test/0.png")
    for part in ("my_train", "my_test"):
        write_rows(tmp_path / part / "metadata.csv", [{"file_name": "0.png", "label": "cat"}])
    samples, source = read(tmp_path)
    assert [split for _, _, split in samples] == [None, None]
    note = "No sample has a split; if folders are splits, pass `split=my_test=test` `split=my_train=train`."
    assert note in source.notes
    samples, source = read(tmp_path, split=["my_test=test", "my_train=train"])
    assert [split for _, _, split in samples] == ["test", "train"]
    assert not any("has a split" in line for line in source.notes)
