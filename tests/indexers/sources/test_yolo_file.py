"""``data.yaml`` as Roboflow, Ultralytics and people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexers.sources.yolo_file import find_yolo_file, read_yolo_file
from retrieval.errors import InputError, MissingFileError


def write(root: Path, text: str, *folders: str, name: str = "data.yaml") -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    root.mkdir(exist_ok=True)
    (root / name).write_text(text)
    return root / name


def places(path: Path) -> dict[str, str | None]:
    root = path.parent.resolve()
    return {
        place.key: place.path.relative_to(root).as_posix() if place.path else None
        for place in read_yolo_file(path).places
    }


@pytest.mark.parametrize(
    "text",
    [
        "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['a', 'b']\n",  # Roboflow
        "path: .\ntrain: train/images\nval: valid/images\nnames:\n  0: a\n  1: b\n",  # Ultralytics
        "train: ./train/images\nval: ./valid/images\nnames: [a, b]\n",
        "path: /home/someone/set\ntrain: train/images\nval: valid/images\nnames: [a, b]\n",  # of another machine
        "train: /content/set/train/images\nval: /content/set/valid/images\nnames: [a, b]\n",
        "train: ..\\train\\images\nval: ..\\valid\\images\nnames: [a, b]\n",
    ],
)
def test_ways_to_write_the_folders(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "set", text, "train/images", "valid/images")
    assert places(path) == {"train": "train/images", "val": "valid/images"}
    assert read_yolo_file(path).names == {0: "a", 1: "b"}


def test_images_above_the_splits(tmp_path: Path) -> None:
    path = write(tmp_path / "s", "train: images/train\nval: images/val\nnames: [a]\n", "images/train", "images/val")
    assert places(path) == {"train": "images/train", "val": "images/val"}


def test_the_folder_inside_goes_before_that_of_another_data_set(tmp_path: Path) -> None:
    (tmp_path / "train" / "images").mkdir(parents=True)
    path = write(tmp_path / "set", "train: ../train/images\nnames: [a]\n", "train/images")
    assert places(path) == {"train": "train/images"}


def test_a_split_may_have_several_folders_or_be_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "s", "train: [one, two]\ntest: three\nnames: [a]\n", "one", "two")
    file = read_yolo_file(path)
    assert [(place.key, place.path is None) for place in file.places] == [
        ("train", False), ("train", False), ("test", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train: train\n", "names no classes"),
        ("train: train\nnames: []\n", "names no classes"),
        ("names: [a]\n", "names no folder of images"),
        ("train: train\nnames: {cat: 0}\n", "'cat' in its names is not the number"),
        ("train: train\nnc: 3\nnames: [a, b]\n", "says nc: 3 and names 2 classes"),
        ("train: train\nnames: [a]\nkpt_shape: [17, 3]\n", "poses"),
        ("train: [train\nnames: [a]\n", "line"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = write(tmp_path / "s", text, "train")
    with pytest.raises(InputError, match=reason):
        read_yolo_file(path)


def test_folders_that_are_gone_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "s", "train: train/images\nnames: [a]\n")
    with pytest.raises(MissingFileError, match="train: train/images, and none of these exists"):
        read_yolo_file(path)


def test_names_that_stand_twice_keep_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "s", "train: train\nnames: [a, b, a]\n", "train")
    assert read_yolo_file(path).names == {0: "0 a", 1: "b", 2: "2 a"}


def test_which_file_describes_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "s"
    assert find_yolo_file(root) is None
    other = write(root, "learning_rate: 1\n", name="hyper.yaml")
    assert find_yolo_file(root) is None
    assert find_yolo_file(other) is None
    coco = write(root, "train: a\nnames: [a]\n", name="coco128.yaml")
    assert find_yolo_file(root) == coco
    write(root, "train: a\nnames: [a]\n", name="second.yaml")
    assert find_yolo_file(root) is None
    data = write(root, "train: a\nnames: [a]\n")
    assert find_yolo_file(root) == data
