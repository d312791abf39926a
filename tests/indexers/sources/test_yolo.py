"""Data sets of YOLO: what is a sample, what is told, and real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from indexers.sources.table_source import UNLISTED
from indexers.sources.yolo import UNUSABLE
from retrieval.errors import InputError, MissingFileError
from retrieval.types import WHOLE, Box, Sample
from tests.support.shared_data import SHARED

NAMES = "names: ['rock toe', 'rock toe damaged', tree]\n"


def image(path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path, **options)


def label(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images to train on, of which one has a box and a polygon, and one to test on."""
    root = tmp_path / "slopes"
    for name in ("train/images/a.jpg", "train/images/b.jpg", "valid/images/c.jpg"):
        image(root / name)
    label(root / "train/labels/a.txt", "1 0.5 0.5 0.5 0.5", "", "2 0 0 0.5 0 0.25 0.5")
    label(root / "valid/labels/c.txt", "0 0.5 0.5 1 1")
    (root / "data.yaml").write_text(f"train: ../train/images\nval: ../valid/images\n{NAMES}")
    return root


def read(path: Path, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(path, options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    assert source.tally.taken == len(samples)
    return samples, source


def test_objects_and_images_are_samples(root: Path) -> None:
    assert guess_kind(root) == guess_kind(root / "data.yaml") == "yolo"
    samples, source = read(root)
    assert [(one.uri, one.label, one.split, one.crop == WHOLE) for one in samples] == [
        ("train/images/a.jpg", None, "train", True),
        ("train/images/a.jpg", "rock toe damaged", "train", False),
        ("train/images/a.jpg", "tree", "train", False),
        ("train/images/b.jpg", None, "train", True),
        ("valid/images/c.jpg", None, "val", True),
        ("valid/images/c.jpg", "rock toe", "val", False),
    ]
    box, polygon = samples[1:3]
    assert (box.box, box.polygon) == (Box(0.25, 0.25, 0.5, 0.5), None)
    assert (polygon.box, polygon.polygon) == (Box(0, 0, 0.5, 0.5), ((0, 0), (0.5, 0), (0.25, 0.5)))
    assert box.meta == {"object": "rock toe", "condition": "damaged"}
    assert polygon.meta == {"object": "tree", "condition": "normal"}
    assert {one.group for one in samples} == {"a", "b", "c"}
    assert "3 objects (2 boxes, 1 polygons); 1 images have none, of which 1 have no label file." in source.notes
    assert source.name == "yolo:slopes"


def test_the_file_and_the_folder_are_one_source(root: Path) -> None:
    assert [one.id for one in read(root / "data.yaml")[0]] == [one.id for one in read(root)[0]]


def test_objects_alone(root: Path) -> None:
    samples, source = read(root, images=False)
    assert [one.label for one in samples] == ["rock toe damaged", "tree", "rock toe"]
    assert source.tally.left_out == {"images without objects": 1}


def test_lines_that_cannot_be_used_are_told_with_file_and_line(root: Path) -> None:
    label(root / "train/labels/a.txt", "1 0.5 0.5 0.5 0.5", "1 .5 .5 .5", "7 .5 .5 .5 .5", "0 2 2 .1 .1", "0 .5 .5 0 0")
    samples, source = read(root)
    assert Counter(one.label for one in samples) == {None: 3, "rock toe damaged": 1, "rock toe": 1}
    assert [problem.where for problem in source.problems] == [f"train/labels/a.txt line {n}" for n in (2, 3, 4, 5)]
    assert "class 7 has no name in data.yaml, which names 0 to 2" in source.problems[1].reason
    assert source.tally.left_out == {UNUSABLE: 4}


def test_an_object_that_stands_twice_is_taken_once(root: Path) -> None:
    label(root / "train/labels/a.txt", "1 .5 .5 .5 .5", "1 .50 .5 .5 .5", "2 .5 .5 .5 .5")
    samples, source = read(root)
    assert [one.label for one in samples if one.label] == ["rock toe damaged", "rock toe"]
    assert source.tally.left_out == {"objects listed again": 1, "lines in conflict": 1}
    assert source.problems[0].reason == "the object of line 1 is 'rock toe damaged' there and 'tree' here"


def test_label_files_without_an_image_are_told(root: Path) -> None:
    label(root / "train/labels/lone.txt", "1 0.5 0.5 0.5 0.5")
    label(root / "train/labels/classes.txt", "rock toe")
    assert read(root)[1].tally.left_out == {"label files without an image": 1, "not images": 1}


def test_labels_beside_the_images(root: Path) -> None:
    for split, stem in (("train", "a"), ("valid", "c")):
        (root / f"{split}/labels/{stem}.txt").rename(root / f"{split}/images/{stem}.txt")
    samples = list(open_source(root))
    assert sum(one.label is not None for one in samples) == 3


def test_splits_of_one_folder_are_taken_once(root: Path) -> None:
    (root / "data.yaml").write_text(f"train: train/images\nval: train/images\n{NAMES}")
    samples, source = read(root)
    assert {one.split for one in samples} == {"train"}
    assert source.tally.left_out == {UNLISTED: 1, "label files without an image": 1}
    assert "data.yaml: val names images of train (2), which stay there." in source.notes


def test_a_list_of_images(root: Path) -> None:
    (root / "train.txt").write_text("./train/images/a.jpg\ntrain/images/gone.jpg\n\n")
    (root / "data.yaml").write_text(f"train: train.txt\n{NAMES}")
    samples, source = read(root)
    assert len(samples) == 3
    assert source.tally.left_out == {UNLISTED: 2, "label files without an image": 1, "unusable": 1}
    assert source.problems[0].where == "train.txt line 2"
    assert source.problems[0].missing


def test_groups_and_splits_can_be_said(root: Path) -> None:
    hashed = f"site3_07_jpg.rf.{'0' * 32}.jpg"
    (root / "train/images/b.jpg").rename(root / "train/images" / hashed)
    (root / "train/images/a.jpg").rename(root / "train/images/site4_01_dup2.jpg")
    assert {one.group for one in read(root)[0]} == {"site3_07_jpg", "site4_01", "c"}
    assert {one.group for one in read(root, group="^[a-z]+")[0]} == {"site", "c"}
    assert {one.group for one in read(root, group=r"(^c|\d)")[0]} == {"3", "4", "c"}
    with pytest.raises(InputError, match="matches nothing in the name of"):
        read(root, group=r"site\d")
    with pytest.raises(InputError, match="no regular expression"):
        read(root, group="(")
    assert {one.split for one in read(root, split={"val": "test"})[0]} == {"train", "test"}


def test_images_that_exif_turns_are_told(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image(root / "train/images/a.jpg", exif=exif)
    assert "1 images with objects (first train/images/a.jpg) are turned by Exif" in " ".join(read(root)[1].notes)


def test_what_is_no_data_set_of_yolo_is_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(MissingFileError, match="no file or folder"):
        open_source(tmp_path / "nowhere", "yolo")
    with pytest.raises(InputError, match=r"has no data\.yaml"):
        open_source(tmp_path, "yolo")
    for file in root.glob("*/images/*"):
        file.unlink()
    with pytest.raises(InputError, match="where no image lies"):
        list(open_source(root))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "objects", "twice", "labels"),
    [
        ("objects", 1605, 0, {"slope_drain": 586, "rock_toe": 561, "vegetation": 257, "toe_drain": 201}),
        ("polygons", 313, 0, {"slope drain": 138, "rock toe": 106, "vegetation": 59, "toe drain": 10}),
        ("conditions", 1129, 7, {"rock toe damaged": 282, "slope drain": 202, "rock toe": 119, "Toe drain": 44}),
    ],
)
def test_real_drains(folder: str, objects: int, twice: int, labels: dict[str, int]) -> None:
    samples, source = read(SHARED / "drains" / folder)
    counts = Counter(one.label for one in samples if one.label)
    assert counts.total() == objects - twice
    assert sum(n for reason, n in source.tally.left_out.items() if reason != "not images") == twice
    assert {name: counts[name] for name in labels} == labels
    assert all((one.polygon is None) == (folder != "polygons") for one in samples if one.label)
