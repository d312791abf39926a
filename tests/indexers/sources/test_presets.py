"""Known data sets: what their names and folders say."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError, UnknownNameError
from tests.support.pattern_images import images, read, shown


def test_market1501(tmp_path: Path) -> None:
    images(
        tmp_path,
        "bounding_box_train/0002_c1s1_000451_03.jpg",
        "bounding_box_test/-1_c2s1_000101_01.jpg",
        "bounding_box_test/0000_c3s1_000101_01.jpg",
        "query/0001_c6s1_001051_00.jpg",
        "gt_bbox/0001_c1s1_001051_00.jpg",
    )
    assert guess_kind(tmp_path) == "pattern"
    source = open_source(tmp_path)
    assert [shown(sample) for sample in source] == [
        ("-1", "2", "gallery"),
        ("0000", "3", "gallery"),
        ("0002", "1", "train"),
        ("0001", "6", "query"),
    ]
    assert source.notes == ["Folder 'gt_bbox' is not used."]


def test_msmt17_people_of_train_and_test_do_not_meet(tmp_path: Path) -> None:
    name = "0000/0000_000_01_0303morning_0008_0.jpg"
    other = "0000/0000_001_14_0303noon_0009_0.jpg"
    images(tmp_path, f"train/{name}", f"test/{name}", f"test/{other}", "test/0000/0000_002_03_x.jpg")
    for kind, line in (("train", name), ("query", name), ("gallery", other)):
        (tmp_path / f"list_{kind}.txt").write_text(f"{line} 0\n")
    source = open_source(tmp_path, options={"preset": "msmt17"}, kind="pattern")
    assert {sample.uri: shown(sample) for sample in source} == {
        f"test/{name}": ("0000", "01", "query"),
        f"test/{other}": ("0000", "14", "gallery"),
        f"train/{name}": ("train-0000", "01", "train"),
    }
    assert [problem[:3] for problem in source.problems] == [
        ("test/0000/0000_002_03_x.jpg", "none of the lists names it", False)
    ]
    for file in tmp_path.glob("list_*"):
        file.unlink()
    with pytest.raises(InputError, match="none of the lists of MSMT17"):
        open_source(tmp_path, "pattern", options={"preset": "msmt17"})


def test_hd_in_its_own_folders(tmp_path: Path) -> None:
    images(tmp_path, "1-501/447_1.jpg", "1-501/448_1.jpg", "1-501/503_1.jpg", "502-712/503_2.jpg")
    assert [shown(sample) for sample in open_source(tmp_path)] == [
        ("447", None, "train"),
        ("448", None, "test"),
        ("503", None, "test"),
        ("1503", None, "gallery"),
    ]


def test_hd_by_numbers_alone(tmp_path: Path) -> None:
    images(tmp_path, "447_1.jpg", "448_1.jpg", "501_1.jpg", "502_1.jpg")
    found = [shown(sample)[::2] for sample in read(tmp_path, preset="hd").values()]
    assert found == [("447", "train"), ("448", "test"), ("501", "test"), ("502", "gallery")]


def test_an_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"No preset 'market'.*market1501"):
        read(tmp_path, preset="market")
