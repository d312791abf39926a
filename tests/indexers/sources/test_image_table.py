"""Parquet files that hold images, as Hugging Face and others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError, UnknownNameError, UnknownOptionError
from retrieval.types import Sample
from tests.support.shards import encoded_image, write_parquet

IMAGES = [encoded_image(at) for at in range(4)]


def read(path: Path, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(path, "parquet", options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


def test_classes_have_their_names_and_minus_one_is_none(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", IMAGES, label=[0, 1, -1, None])
    assert guess_kind(path) == "parquet"
    assert [sample.label for sample in read(path)[0]] == ["wren", "robin", None, None]
    bare = write_parquet(tmp_path / "b.parquet", IMAGES, classes=None)
    samples, source = read(bare)
    assert [sample.label for sample in samples] == ["0", "1", "0", "1"]
    assert any("stores label as numbers" in note for note in source.notes)


def with_labels(path: Path, labels: pa.Array) -> Path:
    table = parquet.read_table(write_parquet(path, IMAGES))
    kept = table.schema.metadata
    parquet.write_table(table.set_column(1, "label", labels).replace_schema_metadata(kept), path)
    return path


def test_a_class_without_a_name_is_told_with_its_row(tmp_path: Path) -> None:
    samples, source = read(write_parquet(tmp_path / "a.parquet", IMAGES, label=[0, 2, 1, 0]))
    assert [sample.label for sample in samples] == ["wren", "robin", "wren"]
    assert source.tally.left_out == {"rows of a class without a name": 1}
    assert (source.problems[0].where, source.problems[0].reason) == (
        "a.parquet row 2",
        "its label is class 2, and the names of classes in the file end at 1",
    )


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([0.0, 1.0, None, 1.0]),
        pa.array([0.0, 1.0, float("nan"), 1.0]),
        pa.array([0, 1, None, 1], pa.uint64()),
        pa.array([0, 1, None, 1], pa.int8()),
        pa.array(["wren", "1", None, "robin"]),
        pa.array([0, 1, None, 1], pa.decimal128(4)),
    ],
)
def test_numbers_of_classes_of_other_types(tmp_path: Path, labels: pa.Array) -> None:
    path = with_labels(tmp_path / "a.parquet", labels)
    assert [sample.label for sample in read(path)[0]] == ["wren", "robin", None, "robin"]


def test_fractions_are_no_classes(tmp_path: Path) -> None:
    _, source = read(with_labels(tmp_path / "a.parquet", pa.array([0.0, 0.5, float("inf"), 1.0])))
    assert [problem.reason.split(",")[0] for problem in source.problems] == [
        "its label is class 0.5",
        "its label is class inf",
    ]


def test_a_label_that_is_a_list_is_named(tmp_path: Path) -> None:
    path = with_labels(tmp_path / "a.parquet", pa.array([[0], [1], [0, 1], []]))
    with pytest.raises(InputError, match=r"column 'label' holds list.*one plain value; .*`columns=label=`"):
        read(path)
    with pytest.raises(UnknownOptionError, match=r"column 'label' holds list.*one plain value"):
        read(path, columns={"identity": "label"})
    assert len(read(path, columns={"label": None})[0]) == 4


def test_a_class_column_of_another_name_is_the_label(tmp_path: Path) -> None:
    table = parquet.read_table(write_parquet(tmp_path / "a.parquet", IMAGES, column="img"))
    metadata = {"huggingface": table.schema.metadata[b"huggingface"].replace(b'"label"', b'"fine_label"')}
    parquet.write_table(
        table.rename_columns(["img", "fine_label"]).replace_schema_metadata(metadata), tmp_path / "b.parquet"
    )
    assert [sample.label for sample in read(tmp_path / "b.parquet")[0]] == ["wren", "robin"] * 2


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_plain_bytes(tmp_path: Path, kind: pa.DataType) -> None:
    parquet.write_table(
        pa.table(
            {"png": pa.array(IMAGES, kind), "label": ["a", "b", "a", "b"], "vector": [[1.0]] * 4, "n": [1, 2, 3, 4]}
        ),
        tmp_path / "a.parquet",
    )
    assert guess_kind(tmp_path / "a.parquet") == "parquet"
    samples, source = read(tmp_path / "a.parquet")
    assert [(s.uri, s.label, s.meta) for s in samples][1] == ("a.parquet::png/2", "b", {"n": 2})
    assert any("'vector' holds list" in note for note in source.notes)


def test_bytes_that_are_no_images_are_a_table(tmp_path: Path) -> None:
    table = pa.table({"filepath": ["a.jpg"], "label": ["x"], "raw": pa.array([b"\x00\x01"])})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert guess_kind(tmp_path / "a.parquet") == "manifest"


def test_several_columns_of_images(tmp_path: Path) -> None:
    parquet.write_table(
        pa.table({"left": IMAGES, "right": IMAGES[::-1], "label": list("abab"), "code": [b"x"] * 4}),
        tmp_path / "a.parquet",
    )
    with pytest.raises(InputError, match=r"several columns of images \(left, right\).*`columns=filepath=left`"):
        read(tmp_path / "a.parquet")
    samples, _ = read(tmp_path / "a.parquet", columns={"filepath": "right"})
    assert samples[0].uri == "a.parquet::right/1"
    with pytest.raises(
        UnknownNameError, match=r"No column of images in a\.parquet 'middle'.* There is: code, left, right"
    ):
        read(tmp_path / "a.parquet", columns={"filepath": "middle"})


def test_rows_without_an_image_are_missing_not_failures(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [IMAGES[0], None, IMAGES[1], None], group=1)
    samples, source = read(path)
    assert [sample.uri for sample in samples] == ["a.parquet::image/1", "a.parquet::image/3"]
    assert [(p.where, p.missing) for p in source.problems] == [("a.parquet row 2", True), ("a.parquet row 4", True)]


def test_files_of_other_kinds_lie_beside_those_with_images(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set" / "train-0.parquet", IMAGES)
    parquet.write_table(pa.table({"url": ["http://x"]}), tmp_path / "set" / "urls.parquet")
    (tmp_path / "set" / "test-0.parquet").write_bytes(b"PAR1 cut off")
    assert guess_kind(tmp_path / "set") == "parquet"
    samples, source = read(tmp_path / "set")
    assert {sample.split for sample in samples} == {"train"}
    assert source.tally.left_out == {"damaged files": 1, "files without a column of images": 1}
    assert source.problems[0].where == "test-0.parquet"


def test_columns_differ_between_files(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set" / "a.parquet", IMAGES[:2], site=["x", "y"])
    write_parquet(tmp_path / "set" / "b.parquet", IMAGES[2:], classes=("owl", "jay"), filepath=["p", "q"])
    samples, _ = read(tmp_path / "set")
    assert [(s.label, s.meta["site"], s.meta["original_filepath"]) for s in samples] == [
        ("wren", "x", None),
        ("robin", "y", None),
        ("owl", None, "p"),
        ("jay", None, "q"),
    ]


def test_files_of_which_some_do_not_name_their_classes(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set" / "a.parquet", IMAGES[:2])
    write_parquet(tmp_path / "set" / "b.parquet", IMAGES[2:], classes=None)
    samples, source = read(tmp_path / "set")
    assert [sample.label for sample in samples] == ["wren", "robin", "0", "1"]
    assert any("1 of 2 files do not name the classes of 'label'" in note for note in source.notes)


def test_no_file_with_images(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"filepath": ["a.jpg"], "label": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"no column of images in its 1 files; .*`source=manifest`"):
        read(tmp_path / "a.parquet")
