"""Tar shards as webdataset writes them: what becomes a sample, and what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexers.sources.registry import guess_kind, open_source
from indexers.sources.tar_table import split_key
from retrieval.errors import InputError
from retrieval.types import Sample
from tests.support.shards import encoded_image, write_tar

JPG = encoded_image(0, "JPEG")


def read(root: Path, members: list[tuple[str, bytes]], **options: Any) -> tuple[list[Sample], Any]:
    write_tar(root / "set" / "000000.tar", members)
    source = open_source(root / "set", "webdataset", options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


def test_keys_end_at_the_first_point_of_the_name() -> None:
    assert split_key("a.b/c.left.JPG") == ("a.b/c", "left.jpg")
    assert split_key("c") == ("c", "")


def test_members_of_a_key_need_not_be_neighbours(tmp_path: Path) -> None:
    members = [(f"{key}.jpg", JPG) for key in "abc"] + [(f"{key}.cls", key.encode()) for key in "cab"]
    samples, _ = read(tmp_path, members)
    assert [(sample.uri, sample.label) for sample in samples] == [(f"000000.tar::{key}.jpg", key) for key in "abc"]


def test_fields_of_json_are_fields_and_metadata(tmp_path: Path) -> None:
    fields = b'{"identity": 7, "camera": "c1", "captured_at": "2024-05-01", "n": 3, "box": [1, 2], "filepath": "x"}'
    samples, source = read(tmp_path, [("a.jpg", JPG), ("a.json", fields), ("b.jpg", JPG), ("b.json", b'{"n": 2.5}')])
    assert (samples[0].identity, samples[0].camera, samples[0].meta) == (
        "7",
        "c1",
        {"n": 3.0, "original_filepath": "x"},
    )
    assert str(samples[0].captured_at) == "2024-05-01 00:00:00"
    assert (samples[1].identity, samples[1].meta["n"]) == (None, 2.5)
    assert any("'box' holds lists" in note for note in source.notes)


def test_a_class_in_a_member_goes_before_one_in_json(tmp_path: Path) -> None:
    members = [("a.jpg", JPG), ("a.cls", b" 3\n"), ("a.json", b'{"label": "three"}')]
    assert read(tmp_path, members)[0][0].label == "3"
    assert read(tmp_path, members, columns={"label": "label"})[0][0].label == "three"


def test_captions_without_classes_need_a_word(tmp_path: Path) -> None:
    members = [("a.jpg", JPG), ("a.txt", "a wren, größer".encode())]
    with pytest.raises(InputError, match="columns=label="):
        read(tmp_path, members)
    samples, _ = read(tmp_path, members, columns={"label": None})
    assert samples[0].meta == {"txt": "a wren, größer"}


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    members = [
        *(("a.jpg", JPG), ("a.cls", b"1"), ("a.npy", b"x"), ("a.mask.png", JPG)),
        *(("a.jpg", JPG), ("lone.cls", b"1"), ("README", b"hello"), ("._b.jpg", b"x"), ("__MACOSX/c.jpg", b"x")),
    ]
    samples, source = read(tmp_path, members)
    assert [sample.uri for sample in samples] == ["000000.tar::a.jpg"]
    assert source.tally.left_out == {
        "members of one name": 1,
        "keys without an image": 1,
        "members without a key": 1,
        "hidden": 2,
    }
    assert [problem.where for problem in source.problems] == ["000000.tar::a.jpg", "000000.tar::lone"]
    assert "Members that are not read: .npy 1, .mask.png 1." in source.notes


def test_several_images_of_a_key(tmp_path: Path) -> None:
    members = [("a.jpg", JPG), ("a.png", JPG), ("a.cls", b"1")]
    with pytest.raises(InputError, match=r"000000\.tar::a has several images \(jpg, png\).*`image=jpg`"):
        read(tmp_path, members)
    assert read(tmp_path, members, image=".PNG")[0][0].uri == "000000.tar::a.png"
    assert read(tmp_path, [("a.l.jpg", JPG), ("a.cls", b"1")])[0][0].uri == "000000.tar::a.l.jpg"


def test_names_of_classes(tmp_path: Path) -> None:
    members = [(f"{n}.{suffix}", data) for n in range(3) for suffix, data in (("jpg", JPG), ("cls", str(n).encode()))]
    names = tmp_path / "names.txt"
    names.write_text("crane\nwren\ncrane\n\n")
    assert [s.label for s in read(tmp_path, members, classes=names)[0]] == ["0 crane", "wren", "2 crane"]
    names.write_text("crane\nwren\n")
    with pytest.raises(InputError, match=r"000000\.tar::2\.jpg is of class '2', and the list of classes has 2"):
        read(tmp_path, members, classes=names)


def test_a_class_in_a_line_that_is_blank(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("crane\n \nwren\n")
    with pytest.raises(InputError, match=r"names\.txt line 2 is blank, and a class needs a name"):
        read(tmp_path, [("a.jpg", JPG), ("a.cls", b"1")], classes=tmp_path / "names.txt")


def test_names_of_classes_without_a_member_that_numbers_them(tmp_path: Path) -> None:
    members = [("a.jpg", JPG), ("a.json", b'{"label": 1}')]
    (tmp_path / "set").mkdir()
    names = tmp_path / "set" / "classnames.txt"
    names.write_text("crane\nwren\n")
    samples, source = read(tmp_path, members)
    assert [sample.label for sample in samples] == ["1"]
    assert any("no shard has a .cls, so it is not read" in note for note in source.notes)
    with pytest.raises(InputError, match=r"classnames\.txt names the numbers in \.cls, and no shard of .* has a \.cls"):
        read(tmp_path, members, classes=names)


def test_a_shard_in_the_folder_of_another_split(tmp_path: Path) -> None:
    write_tar(tmp_path / "set" / "train" / "birds-val-0.tar", [("a.jpg", JPG), ("a.cls", b"1")])
    source = open_source(tmp_path / "set")
    assert [sample.split for sample in source] == ["val"]
    assert any("in a folder of another split" in note for note in source.notes)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "is no JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (2 << 20), "larger than"),
    ],
)
def test_an_image_is_taken_without_fields_that_cannot_be_read(tmp_path: Path, data: bytes, reason: str) -> None:
    samples, source = read(tmp_path, [("a.jpg", JPG), ("a.cls", b"1"), ("a.json", data)])
    assert [sample.label for sample in samples] == ["1"]
    assert any("cannot be read, and the image is taken without" in note and reason in note for note in source.notes)


def test_splits_come_from_names_unless_fields_say_them(tmp_path: Path) -> None:
    for name, fields in (("train/0.tar", b"{}"), ("test/0.tar", b'{"split": "gallery"}')):
        write_tar(tmp_path / "set" / name, [("a.jpg", JPG), ("a.cls", b"1"), ("a.json", fields)])
    assert [(s.uri, s.split) for s in open_source(tmp_path / "set")] == [
        ("test/0.tar::a.jpg", "gallery"),
        ("train/0.tar::a.jpg", "train"),
    ]


def test_images_outside_shards(tmp_path: Path) -> None:
    write_tar(tmp_path / "set" / "0.tar", [("a.jpg", JPG), ("a.cls", b"1")])
    assert guess_kind(tmp_path / "set") == "webdataset"
    (tmp_path / "set" / "x.jpg").write_bytes(JPG)
    with pytest.raises(InputError, match="say"):
        guess_kind(tmp_path / "set")
    source = open_source(tmp_path / "set", "webdataset")
    assert len(list(source)) == 1
    assert source.tally.left_out == {"images outside the shards": 1}


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x08" + bytes(2000), b"x" * 2000])
def test_a_shard_that_cannot_be_read_is_named(tmp_path: Path, data: bytes) -> None:
    write_tar(tmp_path / "set" / "1.tar", [("a.jpg", JPG), ("a.cls", b"1")])
    (tmp_path / "set" / "0.tar").write_bytes(data)
    source = open_source(tmp_path / "set", "webdataset")
    assert len(list(source)) == 1
    assert (source.tally.left_out, source.problems[0].where) == ({"damaged shards": 1}, "0.tar")
    (tmp_path / "set" / "1.tar").unlink()
    with pytest.raises(InputError, match=r"holds no image in its 1 shards \(0\.tar: it is"):
        list(open_source(tmp_path / "set", "webdataset"))
