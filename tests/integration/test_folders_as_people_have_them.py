"""Folders and tables of other houses through the command line: what they are taken for, and every way out of a message.

Cases ``split_words``, ``vehicles`` and ``one_folder_too_high`` of the reports, redrawn.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import draw_images

VEHICLE = r"(?P<identity>\d+)_c(?P<camera>\d+)"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def index(store: Path, *args: str | Path) -> Any:
    return call_json("index", *args, "--store", store, *SMALL_ENCODER)


def refusal(store: Path, *args: str | Path) -> str:
    return call_cli("index", *args, "--store", store, *SMALL_ENCODER, check=1).stderr


def tumours(root: Path, train: str, test: str) -> Path:
    """Folders of two parts, with 4 and 2 images of each of three classes."""
    names = ("glioma", "meningioma", "notumor")
    uris = [f"{part}/{name}/{at}.jpg" for part, n in ((train, 4), (test, 2)) for name in names for at in range(n)]
    return draw_images(root, *uris)


def vehicles(root: Path) -> Path:
    """As VeRi-776 has them: three train vehicles, three that are queried, and one more in the gallery."""
    parts = (("image_train", (1, 2, 3), (0, 1, 2)), ("image_test", (10, 11, 12, 13), (0, 1, 2)))
    uris = [
        f"{part}/{who:04d}_c{at:03d}_00030000_0.jpg"
        for part, people, cameras in parts
        for who in people
        for at in cameras
    ]
    return draw_images(root, *uris, *(f"image_query/{who:04d}_c007_00030009_0.jpg" for who in (10, 11, 12)))


def test_training_and_testing_are_splits(tmp_path: Path, store: Path) -> None:
    report = index(store, tumours(tmp_path / "kaggle", "Training", "Testing"))
    assert (report["labels"], report["splits"]) == (3, {"train": 12, "test": 6})
    assert report["notes"] == []
    line = call_cli("index", tmp_path / "kaggle", "--store", store, *SMALL_ENCODER).stdout.splitlines()[1]
    assert line == "3 labels; splits train 12, test 6"


def test_words_of_no_house_are_refused_and_mapped(tmp_path: Path, store: Path) -> None:
    root = tumours(tmp_path / "set", "seg_train", "seg_test")
    message = refusal(store, root)
    assert "seg_test, seg_train are words for splits and the same folders (glioma, meningioma, notumor)" in message
    assert "Say --split seg_test=test --split seg_train=train if they are splits, or --levels label" in message
    report = index(store, root, "--split", "seg_test=test", "--split", "seg_train=train")
    assert (report["labels"], report["splits"]) == (3, {"train": 12, "test": 6})
    report = index(store, root, "--levels", "label")
    assert (report["labels"], report["splits"], report["notes"]) == (2, {}, [])


def test_val_is_tested_where_there_is_no_test(tmp_path: Path, store: Path) -> None:
    root = tumours(tmp_path / "imagenet", "train", "val")
    assert index(store, root)["splits"] == {"train": 12, "val": 6}
    error = call_cli("eval", "--mode", "knn", "--store", store, check=1).stderr
    assert "finds no samples of split 'test'; test val with -o test_from=val, give samples a split" in error
    out = tmp_path / "val.json"
    call_cli("eval", "--mode", "knn", "-o", "test_from=val", "--store", store, "--out", out)
    result = json.loads(out.read_text())
    assert (result["n"]["train"], result["n"]["val"], result["n"]["test"]) == (12, 0, 6)
    assert "The tested samples are of split val." in result["warnings"]
    call_cli("eval", "--from", out, "--store", store)
    assert index(store, root, "--split", "val=test")["splits"] == {"train": 12, "test": 6}
    again = call_json("eval", "--mode", "knn", "--store", store)
    assert again["metrics"] == result["metrics"]


def test_words_of_a_column(tmp_path: Path, store: Path) -> None:
    draw_images(tmp_path, *(f"flat/{at}.jpg" for at in range(12)))
    for name, words in (("training", ("training", "testing")), ("flags", ("1", "0"))):
        rows = [f"flat/{at}.jpg,c{at % 3},{words[at >= 8]}" for at in range(12)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["filepath,label,split", *rows]) + "\n")
    assert index(store, tmp_path / "training.csv")["splits"] == {"train": 8, "test": 4}
    message = refusal(store, tmp_path / "flags.csv")
    assert "'1' (8), '0' (4). Say what they mean, for example --split 1=train --split 0=test" in message
    mapped = index(store, tmp_path / "flags.csv", "--split", "1=train", "--split", "0=test")
    assert mapped["splits"] == {"train": 8, "test": 4}
    assert "or pass --column split= to keep" in message
    assert index(store, tmp_path / "flags.csv", "--column", "split=")["splits"] == {}


def test_a_column_is_train_is_told_and_taken(tmp_path: Path, store: Path) -> None:
    draw_images(tmp_path, *(f"{at}.jpg" for at in range(4)))
    rows = [f"{at}.jpg,c,{at % 2}" for at in range(4)]
    (tmp_path / "list.csv").write_text("\n".join(["filepath,label,is_train", *rows]) + "\n")
    said = call_cli("index", tmp_path / "list.csv", "--store", store, *SMALL_ENCODER).stderr
    assert "Column 'is_train' (0, 1) is kept as metadata" in said
    assert "pass --column split=is_train." in said
    assert index(store, tmp_path / "list.csv", "--column", "split=is_train")["splits"] == {"train": 2, "test": 2}


@pytest.mark.parametrize("by", [(), ("--pattern", VEHICLE)], ids=["preset", "pattern"])
def test_vehicles_are_queried_and_searched_without_the_train_part(
    tmp_path: Path, store: Path, by: tuple[str, ...]
) -> None:
    report = index(store, vehicles(tmp_path / "VeRi"), *by)
    assert (report["identities"], report["cameras"]) == (7, 4)
    assert report["splits"] == {"train": 9, "query": 3, "gallery": 12}
    result = call_json("eval", "--mode", "reid", "--store", store)
    assert (result["protocol"], result["config"]["camera_rule"]) == ("fixed", "market1501")
    assert (result["n"]["query"], result["n"]["gallery"], result["n"]["identities"]) == (3, 12, 4)


def test_one_folder_too_high(tmp_path: Path, store: Path) -> None:
    vehicles(tmp_path / "data" / "VeRi")
    (tmp_path / "data" / "__MACOSX").mkdir()
    (tmp_path / "data" / "README.md").write_text("VeRi")
    inside = f"index {tmp_path}/data/VeRi."
    for args in ((), ("--preset", "veri"), ("--pattern", VEHICLE)):
        assert inside in refusal(store, tmp_path / "data", *args).replace("\n", "")
    assert f"index {tmp_path}/data/VeRi for what lies inside" in refusal(
        store, tmp_path / "data", "--source", "folder"
    ).replace("Index", "index")
    assert index(store, tmp_path / "data" / "VeRi")["splits"] == {"train": 9, "query": 3, "gallery": 12}


def test_a_set_that_is_unknown_one_folder_down(tmp_path: Path, store: Path) -> None:
    tumours(tmp_path / "archive" / "scans", "Training", "Testing")
    message = refusal(store, tmp_path / "archive")
    assert f"Index {tmp_path}/archive/scans for what lies inside, or say --levels label if" in message
    assert index(store, tmp_path / "archive" / "scans")["labels"] == 3
    assert index(store, tmp_path / "archive", "--levels", "label", "--source-name", "one")["labels"] == 1
    assert index(store, tmp_path / "archive", "--levels", "_/split/label", "--source-name", "two")["labels"] == 3


def test_images_without_labels(tmp_path: Path, store: Path) -> None:
    draw_images(tmp_path / "photos", "1.jpg", "2.jpg")
    assert "say --levels _ to index them without labels" in refusal(store, tmp_path / "photos")
    assert index(store, tmp_path / "photos", "--levels", "_")["labels"] == 0
    draw_images(tmp_path / "yolo", *(f"{part}/images/{at}.jpg" for part in ("train", "val") for at in range(2)))
    assert "--levels split for images without labels" in refusal(store, tmp_path / "yolo")
    report = index(store, tmp_path / "yolo", "--levels", "split")
    assert (report["labels"], report["splits"]) == (0, {"train": 2, "val": 2})


def test_identities_and_cameras_of_folders(tmp_path: Path, store: Path) -> None:
    root = draw_images(tmp_path / "dogs", *(f"{who}/cam{at}/1.jpg" for who in ("rex", "bello") for at in range(2)))
    said = call_cli("index", root, "--store", store, *SMALL_ENCODER).stderr
    assert "lie in each. Say for example --split bello=train --split rex=test if they are splits, or" in said
    assert index(store, root, "--split", "bello=train", "--split", "rex=test")["splits"] == {"train": 2, "test": 2}
    assert "or --levels _/label if the labels are the folders below, or --levels label if" in said
    assert index(store, root, "--levels", "_/label")["labels"] == 2
    report = index(store, root, "--levels", "identity/camera")
    assert (report["identities"], report["cameras"], report["labels"]) == (2, 2, 0)


def test_a_part_alone_has_its_split_by_the_option(tmp_path: Path, store: Path) -> None:
    draw_images(tmp_path, "set/train/a/images/1.jpg", "set/train/b/images/1.jpg", "set/val/images/1.jpg")
    message = refusal(store, tmp_path / "set")
    assert f"Index {tmp_path}/set/train --split train for train alone" in message
    report = index(store, tmp_path / "set" / "train", "--split", "train")
    assert (report["labels"], report["splits"], report["notes"]) == (2, {"train": 2}, [])


def test_notes_stand_before_the_work_and_once(tmp_path: Path, store: Path) -> None:
    root = draw_images(tmp_path / "set", *(f"{name}/day {at}/1.jpg" for name in ("cat", "dog") for at in range(2)))
    said = call_cli("index", root, "--store", store, *SMALL_ENCODER).stderr
    assert said.count("Taken as labels: cat, dog; but the same folders (day 0, day 1) lie in each.") == 1


def test_ways_out_are_quoted_for_a_shell(tmp_path: Path, store: Path) -> None:
    root = tumours(tmp_path / "set", "my train", "my test")
    message = refusal(store, root)
    assert "Say --split 'my test=test' --split 'my train=train' if they are splits" in message
    report = index(store, root, "--split", "my test=test", "--split", "my train=train")
    assert report["splits"] == {"train": 12, "test": 6}


def test_a_flat_folder_read_by_a_pattern_a_table_or_sorted(tmp_path: Path, store: Path) -> None:
    """The three other ways out of images that lie outside any label folder."""
    flat = draw_images(tmp_path / "flat", *(f"{name}-{at}.jpg" for name in ("oak", "ash") for at in range(2)))
    message = refusal(store, flat, "--levels", "label")
    for way in ("sort them into one folder per label", "list them in a manifest", "--pattern REGEX"):
        assert way in message.replace("\n", " ")
    assert index(store, flat, "--pattern", r"(?P<label>\w+)-\d+", "--source-name", "pattern")["labels"] == 2
    rows = [f"{path.name},{path.name.partition('-')[0]}" for path in sorted(flat.iterdir())]
    (flat / "table.csv").write_text("\n".join(["filepath,label", *rows]))
    assert index(store, flat / "table.csv")["labels"] == 2
    for path in flat.glob("*.jpg"):
        (flat / path.name.partition("-")[0]).mkdir(exist_ok=True)
        path.rename(flat / path.name.partition("-")[0] / path.name)
    assert index(store, flat, "--source", "folder", "--source-name", "sorted")["labels"] == 2


def test_folds_above_splits(tmp_path: Path, store: Path) -> None:
    uris = [f"fold{n}/{part}/{name}/{n}.jpg" for n in range(2) for part in ("train", "test") for name in "ab"]
    root = draw_images(tmp_path / "folds", *uris)
    assert "--levels _/split/label" in refusal(store, root).replace("\n", " ")
    report = index(store, root, "--levels", "_/split/label")
    assert (report["labels"], report["splits"]) == (2, {"train": 4, "test": 4})
