"""Which columns a manifest takes for which field, and what is said about the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.sources.registry import open_source
from retrieval.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.jpg", "img/1.tif", "img/2.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def read(root: Path, text: str, name: str = "m.csv", **options: Any) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Write a table, and return uri and label of its samples, and the notes."""
    (root / name).write_text(text, encoding="utf-8")
    source = open_source(root / name, options=options)
    return [(sample.uri, sample.label) for sample in source], source.notes


@pytest.mark.parametrize(
    ("text", "uris", "line"),
    [
        ("filepath,label\na.jpg,x\n", ["a.jpg"], "filepath, label."),
        ("FilePath,Label\na.jpg,x\n", ["a.jpg"], "filepath = 'FilePath', label = 'Label'."),
        ("Image,label,n\na.jpg,x,1\n", ["a.jpg"], "filepath = 'Image', label; metadata: n."),
        ("id,label\n1,x\n2,y\n", ["img/1.tif", "img/2.tif"], "filepath = 'id', label."),
        ("n,where,label\n1,a.jpg,x\n", ["a.jpg"], "filepath = 'where', label; metadata: n."),
        ("url,local,label\nhttp://x/a.jpg,a.jpg,x\n", ["a.jpg"], "filepath = 'local', label; metadata: url."),
    ],
)
def test_the_column_of_images_is_found_by_what_it_holds(root: Path, text: str, uris: list[str], line: str) -> None:
    samples, notes = read(root, text)
    assert [uri for uri, _ in samples] == uris
    assert notes[0] == f"Columns of m.csv: {line}"


@pytest.mark.parametrize(
    ("text", "message", "way_out"),
    [
        ("photo,mask,label\na.jpg,b.jpg,x\n", r"several columns of images \(photo, mask\)", {"filepath": "photo"}),
        ("id,key,label\n1,2,x\n", r"several columns of names or numbers of images", {"filepath": "id"}),
        (
            "filepath,species\na.jpg,x\n",
            "has no column 'label or identity'.*`columns=label=species`",
            {"label": "species"},
        ),
        ("filepath,species\na.jpg,x\n", "or with `columns=label=` that there is none", {"label": None}),
        ("filepath,pid\na.jpg,x\n", "`columns=label=pid`", {"identity": "pid"}),
    ],
)
def test_columns_that_cannot_be_known_are_asked_for_and_the_way_out_works(
    root: Path, text: str, message: str, way_out: dict[str, str | None]
) -> None:
    with pytest.raises(InputError, match=message):
        read(root, text)
    assert len(read(root, text, columns=way_out)[0]) == 1


def test_a_list_without_a_header(root: Path) -> None:
    samples, notes = read(root, "a.jpg 0\nb.jpg 1\n", "list.txt")
    assert samples == [("a.jpg", "0"), ("b.jpg", "1")]
    assert notes[0] == "Columns of list.txt: filepath = '1', label = '2'."
    assert "list.txt has no header line" in notes[-1]
    (root / "list.txt").write_text("a.jpg 0\nb.jpg 1\n")
    source = open_source(root / "list.txt", options={"columns": {"filepath": "1", "identity": "2"}})
    assert [(sample.label, sample.identity) for sample in source] == [(None, "0"), (None, "1")]


@pytest.mark.parametrize("text", ["a.jpg,cat,1\nb.jpg,dog,2\n", "a.jpg\nb.jpg\n", "0 a.jpg\n1 b.jpg\n"])
def test_a_list_without_a_header_whose_columns_are_not_plain(root: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"has no header line; .* `columns=filepath=1` and `columns=label=2`: 1 is '"):
        read(root, text, "list.txt")
    at = "2" if text[0] == "0" else "1"
    other = {"a.jpg,": "2", "a.jpg\n": None, "0 a.jp": "1"}[text[:6]]
    assert len(read(root, text, "list.txt", columns={"filepath": at, "label": other})[0]) == 2


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("filepath,label,class\na.jpg,1,cat\nb.jpg,1,dog\n", "'class' may be the label, too.*`columns=label=class`"),
        ("filepath,label,species\na.jpg,x,S1\nb.jpg,y,S1\n", "'species' may be the label, too"),
        ("filepath,identity,camid\na.jpg,1,1\nb.jpg,1,2\n", "'camid' looks like the camera.*`columns=camera=camid`"),
        ("filepath,label,patient_id\na.jpg,1,7\nb.jpg,2,7\nc.jpg,1,8\n", "'patient_id' looks like the group"),
    ],
)
def test_columns_that_look_like_a_field_are_said(root: Path, text: str, note: str) -> None:
    _, notes = read(root, text)
    assert re.search(note, " ".join(notes[1:]))
    (pair,) = re.findall(r"`columns=(\w+)=(\w+)`", notes[-1])
    assert len(read(root, text, columns=dict([pair]))[1]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "filepath,label,class_name\na.jpg,0,cat\nb.jpg,1,dog\nc.jpg,1,dog\n",
        "filepath,label,specimen\na.jpg,x,1\nb.jpg,x,2\n",
        "filepath,label,camera_id\na.jpg,x,1\nb.jpg,x,2\n",
        "filepath,label,group,burst\na.jpg,x,1,1\nb.jpg,x,1,1\n",
        "filepath,label,name,site\na.jpg,x,1,7\nb.jpg,x,2,7\n",
    ],
)
def test_ordinary_columns_pass_in_silence(root: Path, text: str) -> None:
    assert len(read(root, text)[1]) == 1


def test_a_list_without_a_header_or_a_row_that_can_be_used(root: Path) -> None:
    with pytest.raises(InputError, match=r"list\.txt has no header line"):
        read(root, "x,\0,a.jpg\n", "list.txt")


def test_a_table_that_holds_the_images_themselves(root: Path) -> None:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    image = pa.array([{"bytes": b"x", "path": "a.jpg"}], kind)
    parquet.write_table(pa.table({"image": image, "label": [1]}), root / "m.parquet")
    with pytest.raises(InputError, match=r"holds the images themselves, in the column 'image'.*`source=parquet`"):
        open_source(root / "m.parquet", "manifest")


def test_nested_columns_are_named_in_the_line(root: Path) -> None:
    _, notes = read(root, '{"filepath": "a.jpg", "label": "x", "box": [1, 2]}\n', "m.jsonl")
    assert notes == ["Columns of m.jsonl: filepath, label; 'box' holds lists and is not read."]


def test_how_many_samples_lack_a_field_is_said(root: Path) -> None:
    _, notes = read(root, "filepath,label,identity,split\na.jpg,x,,train\nb.jpg,,,\nc.jpg,y,,test\n")
    assert notes == ["Columns of m.csv: filepath, label (empty in 1), identity, split (empty in 1)."]
