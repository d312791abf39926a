"""``inspect`` on drawn slopes: annotated boxes, files of boxes, exports and pictures, and what cannot be inspected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from PIL import Image

import vitrine
from eval.runs.inspection import EncodedImage, Inspector
from tests.support.command_line import call_cli, call_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.detectors.base import Detection
    from retrieval.types import Polygon


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inspect")
    call_cli("sample", "drains", "--out", root / "slopes", "--n", "36", "--size", "96")
    vitrine.index(root / "slopes", root / "store", source="yolo", encoder="vitrine-tiny")
    return root


def boxes_of(slopes: Path, folder: Path) -> Path:
    """The annotated boxes of the split valid as a detector's, but for two: one is gone, one is of another type."""
    names = yaml.safe_load((slopes / "slopes" / "data.yaml").read_text())["names"]
    kinds = ["toe drain", "rock toe", "slope drain", "vegetation", "gate"]
    lines = []
    for path in sorted((slopes / "slopes" / "valid" / "labels").iterdir()):
        rows = [line.split() for line in path.read_text().splitlines()]
        for number, *values in rows:
            numbers = [float(value) for value in values]
            if len(numbers) > 4:
                xs, ys = numbers[::2], numbers[1::2]
                numbers = [(min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)]
            kind = next(at for at, kind in enumerate(kinds) if names[int(number)].lower().startswith(kind))
            lines.append((path.stem, kind, numbers))
    (folder / "labels").mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(kinds))
    lines[1] = (lines[1][0], 4, lines[1][2])
    for stem, kind, numbers in lines[1:]:
        with (folder / "labels" / f"{stem}.txt").open("a") as file:
            file.write(f"{kind} {' '.join(map(str, numbers))} 0.8\n")
    return folder / "labels"


def test_annotated_boxes_are_all_found(slopes: Path, tmp_path: Path) -> None:
    report = call_json("inspect", "--split", "val", "--store", slopes / "store", "--coco", tmp_path / "c.json",
                       "--yolo", tmp_path / "y", "--pictures", tmp_path / "p", "--method", "knn")  # fmt: skip
    metrics = report["metrics"]
    assert metrics["recall"]["value"] == metrics["precision"]["value"] == metrics["mean_ap"] == 1.0
    assert 0.2 < metrics["condition"]["value"] == metrics["end_to_end"]["value"] < 1
    objects = [one for image in report["images"] for one in image["objects"]]
    assert len(objects) == metrics["condition"]["n"]
    assert all(one["label"].lower().startswith(one["object"]) for one in objects)  # the type is given
    assert all(len(one["nearest"]) == 3 for one in objects)
    coco = json.loads((tmp_path / "c.json").read_text())
    assert len(coco["annotations"]) == len(objects)
    names = [image["name"] for image in report["images"]]
    assert names == [image["file_name"] for image in coco["images"]]
    assert names == [f"valid/images/{Path(image['image']).name}" for image in report["images"]]  # uris
    assert all((tmp_path / "y" / "labels" / name).with_suffix(".txt").is_file() for name in names)
    picture = next((tmp_path / "p").glob("0001_*.jpg"))
    assert Image.open(picture).size == (640, 640)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_exists_is_not_replaced(slopes: Path, tmp_path: Path) -> None:
    mine, coco, answer = tmp_path / "mine", tmp_path / "c.json", tmp_path / "answer"
    (mine / "labels").mkdir(parents=True)
    (mine / "data.yaml").write_text("names: [hand]\n")
    (mine / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    coco.write_text("{}")
    Image.new("RGB", (8, 8)).save(mine / "0001_a.jpg")
    before = contents(tmp_path)

    def inspect(*words: str | Path, check: int = 0) -> str:
        done = call_cli("inspect", "--split", "val", "--store", slopes / "store", *words, check=check)
        return " ".join(done.stderr.split())

    assert "mine holds files (0001_a.jpg, data.yaml, labels)" in inspect("--yolo", mine, check=1)
    assert "even with --force; choose a new folder for --yolo" in inspect("--yolo", mine, "--force", check=1)
    assert "another name for --coco" in inspect("--coco", coco, "--yolo", answer, check=1)
    assert "0001_a.jpg was not drawn by inspect" in inspect("--pictures", mine, "--force", check=1)
    assert contents(tmp_path) == before
    inspect("--coco", coco, "--yolo", answer, "--limit", "2", "--force")
    assert len(contents(answer)) == 3
    assert "replace an earlier answer with --force" in inspect("--yolo", answer, check=1)
    for _ in range(2):  # pictures that were drawn before are replaced
        inspect("--yolo", answer, "--pictures", tmp_path / "p", "--limit", "1", "--force")
    assert len(contents(answer)) == 2  # no label file of other class numbers is left
    corrected = next((answer / "labels").rglob("*.txt"))
    corrected.write_text("0 .5 .5 .5 .5\n")
    assert "was changed since" in inspect("--yolo", answer, "--force", check=1)
    assert corrected.read_text() == "0 .5 .5 .5 .5\n"


def test_objects_that_answer_for_themselves_are_told(slopes: Path) -> None:
    done = call_cli("inspect", "--split", "train", "--store", slopes / "store", "--limit", "1")
    assert "they are among the examples that answer" in done.stderr


def test_a_detector_of_files(slopes: Path, tmp_path: Path) -> None:
    detector = boxes_of(slopes, tmp_path / "boxes")
    images = slopes / "slopes" / "valid" / "images"
    report = call_json("inspect", "--split", "val", "--store", slopes / "store", "--detector", detector)
    metrics = report["metrics"]
    missed = metrics["recall"]["n"] * (1 - metrics["recall"]["value"])
    assert missed == pytest.approx(2)
    assert metrics["precision"]["value"] == pytest.approx(1 - 1 / metrics["precision"]["n"])
    shown = call_cli("inspect", images, "--store", slopes / "store", "--detector", detector, "--limit", "3")
    assert "The store has no object 'gate' (1 detected)" in shown.stderr
    assert "3 images" in shown.stdout


def test_annotated_objects_are_encoded_with_their_outlines(slopes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outlines: list[Polygon] = []

    def encode(
        _: Inspector, path: Path, name: str, image: Image.Image, detections: Sequence[Detection]
    ) -> EncodedImage:
        outlines.extend(one.polygon for one in detections if one.polygon is not None)
        return EncodedImage(path, name, image.size)

    monkeypatch.setattr(Inspector, "encode", encode)
    call_cli("inspect", "--store", slopes / "store", "--split", "val")
    files = sorted((slopes / "slopes" / "valid" / "labels").iterdir())
    lines = [line.split() for file in files for line in file.read_text().splitlines()]
    written = [[float(word) for word in words[1:]] for words in lines if len(words) > 5]
    assert written
    assert [[number for corner in outline for number in corner] for outline in outlines] == written


def test_images_of_one_stem(slopes: Path, tmp_path: Path) -> None:
    photos, boxes, answer = tmp_path / "photos", tmp_path / "boxes", tmp_path / "answer"
    for at, name in enumerate(("1.jpg", "a/1.jpg", "b/1.png")):
        for folder in (photos, boxes):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(photos / name)
        (boxes / name).with_suffix(".txt").write_text(f"0 .5 .5 .{at + 2} .5 .9\n")
    (boxes / "classes.txt").write_text("toe drain\n")
    words = ("--store", slopes / "store", "--detector", boxes)
    done = call_cli("inspect", photos, *words, "--yolo", answer, "--coco", tmp_path / "c.json")
    assert all(f"{name}  " in done.stdout for name in ("1.jpg", "a/1.jpg", "b/1.png"))
    coco = json.loads((tmp_path / "c.json").read_text())
    widths = {
        coco["images"][one["image_id"] - 1]["file_name"]: round(one["bbox"][2] / 64, 1) for one in coco["annotations"]
    }
    assert widths == {"1.jpg": 0.2, "a/1.jpg": 0.3, "b/1.png": 0.4}
    written = {name: text.split()[3] for name, text in contents(answer / "labels").items()}
    assert written == {"1.txt": b"0.200000", "a/1.txt": b"0.300000", "b/1.txt": b"0.400000"}
    Image.new("RGB", (64, 64)).save(photos / "a" / "1.png")
    done = call_cli("inspect", photos, *words, "--yolo", tmp_path / "other", check=1)
    assert "a/1.jpg and a/1.png would have the label file a/1.txt" in " ".join(done.stderr.split())
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_inspected_is_told(slopes: Path, tmp_path: Path) -> None:
    detector = boxes_of(slopes, tmp_path / "boxes")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / ".hidden.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    Image.new("RGB", (32, 32)).save(folder / "without_suffix", "PNG")
    store = slopes / "store"
    done = call_cli("inspect", folder, "--store", store, "--detector", detector, check=3)
    assert "broken.jpg" in done.stderr
    assert ".hidden" not in done.stderr
    assert "without_suffix  no objects" in done.stdout
    for words, status, reason in (
        ((folder,), 1, "new images need a --detector"),
        ((), 1, "name images or a folder"),
        (("--split", "vall"), 2, "Did you mean 'val'"),
        ((tmp_path / "gone", "--detector", detector), 1, "no image or folder"),
        ((folder, "--detector", tmp_path / "best.pt"), 1, "no detector"),
        ((folder, "--detector", detector, "--method", "protptype"), 2, "Did you mean 'prototype'"),
        ((folder, "--detector", detector, "--method", "spatial"), 1, "is for stored samples"),
    ):
        done = call_cli("inspect", *words, "--store", store, check=status)
        assert reason in " ".join(done.stderr.split()), done.stderr
