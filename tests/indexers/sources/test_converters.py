"""Data sets whose lists define splits, identities and labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError
from tests.support.pattern_images import images, shown


def lines(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")


def test_vehicle_lists(tmp_path: Path) -> None:
    images(tmp_path, *(f"image/000000{n}.jpg" for n in range(1, 6)))
    folder = tmp_path / "train_test_split"
    lines(folder / "train_list.txt", "0000001 7", "0000002 7")
    lines(folder / "test_list_2.txt", "0000003 8")
    lines(folder / "test_list_4.txt", "0000003 8", "0000004 9", "0000009 9")
    assert guess_kind(tmp_path) == "pattern"
    source = open_source(tmp_path)
    assert {sample.uri[-5]: (sample.identity, sample.split, sample.meta) for sample in source} == {
        "1": ("7", "train", {"test_list": None}),
        "2": ("7", "train", {"test_list": None}),
        "3": ("8", "test", {"test_list": "2"}),
        "4": ("9", "test", {"test_list": "4"}),
    }
    assert [problem.where for problem in source.problems] == ["image/0000005.jpg"]
    assert source.notes == [f"1 of the 5 images that its lists name are not in {tmp_path}."]


def test_bird_lists(tmp_path: Path) -> None:
    images(
        tmp_path, "images/001.Owl/a.jpg", "images/002.Jay/b.jpg", "images/003.Owl/c.jpg", "segmentations/001.Owl/a.png"
    )
    lines(tmp_path / "images.txt", "1 001.Owl/a.jpg", "2 002.Jay/b.jpg", "3 003.Owl/c.jpg")
    lines(tmp_path / "classes.txt", "1 Owl", "2 Blue Jay", "3 Owl")
    lines(tmp_path / "image_class_labels.txt", "1 1", "2 2", "3 3")
    lines(tmp_path / "train_test_split.txt", "1 1", "2 0", "3 1")
    assert guess_kind(tmp_path) == "pattern"
    source = open_source(tmp_path)
    assert [(sample.label, sample.split) for sample in source] == [
        ("1 Owl", "train"),
        ("Blue Jay", "test"),
        ("3 Owl", "train"),
    ]
    assert source.notes == ["Folder 'segmentations' is not used."]
    (tmp_path / "classes.txt").write_text("1 Owl\n2\n")
    with pytest.raises(InputError, match=r"classes.txt line 2 is '2', and 2 words are expected"):
        open_source(tmp_path)


def test_vehicles_by_folders(tmp_path: Path) -> None:
    """As VeRi-776 has it: test is the gallery."""
    for uri in (
        "image_train/0001_c001_00030000_0",
        "image_test/0010_c002_00030002_0",
        "image_query/0010_c007_00030003_0",
    ):
        images(tmp_path, f"{uri}.jpg")
    source = open_source(tmp_path)
    assert [shown(sample) for sample in source] == [
        ("0010", "007", "query"),
        ("0010", "002", "gallery"),
        ("0001", "001", "train"),
    ]
    assert source.notes == []


def test_lists_that_are_no_text(tmp_path: Path) -> None:
    images(tmp_path, "test/0000/0000_000_01_0303morning_0008_0.jpg")
    (tmp_path / "list_query.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "list_gallery.txt").write_text("")
    with pytest.raises(InputError, match=r"list_query.txt cannot be read"):
        open_source(tmp_path)
