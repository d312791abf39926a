"""Annotations of COCO as COCO, Roboflow, camera traps and iNaturalist's competitions write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError
from retrieval.types import WHOLE, Box, Sample


def image(path: Path, size: tuple[int, int] = (40, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def write(path: Path, images: list[Any], annotations: list[Any], names: tuple[str, ...] = ("cat", "dog")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [{"id": at, "name": name, "supercategory": "animal"} for at, name in enumerate(names, 1)]
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def entry(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 40, "height": 20, **more}


def box(image_id: int, category: int, *corners: float, **more: Any) -> dict[str, Any]:
    return {"id": 100 + image_id, "image_id": image_id, "category_id": category, "bbox": list(corners), **more}


def read(path: Path, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(path, "coco", options=options)
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


@pytest.mark.parametrize(
    ("annotations", "folder"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/instances_train.json", "images"),
        ("train/_annotations.coco.json", "train"),
        ("train.json", "images"),
        ("train.json", ""),
    ],
)
def test_where_annotations_and_images_lie(tmp_path: Path, annotations: str, folder: str) -> None:
    root = tmp_path / "set"
    image(root / folder / "a.jpg")
    path = write(root / annotations, [entry(1, "a.jpg")], [box(1, 2, 10, 0, 10, 5)])
    write(root / "annotations" / "captions_train2017.json", [entry(1, "a.jpg")], [{"image_id": 1, "caption": "x"}])
    uri = f"{folder}/a.jpg".lstrip("/")
    for given in (root, path):
        assert guess_kind(given) == "coco"
        samples, source = read(given)
        assert [(s.uri, s.label, s.split, s.box) for s in samples] == [(uri, "dog", "train", Box(0.25, 0, 0.25, 0.25))]
        assert (source.name, source.root) == ("coco:set", root)


def test_boxes_and_whole_images(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / f"{name}.jpg")
    images = [entry(at, f"{name}.jpg") for at, name in enumerate("abc", 1)]
    boxes = [box(1, 1, 0, 0, 5, 5), box(1, 2, 5, 5, 5, 5), box(2, 2, 0, 0, 5, 5), box(2, 2, 9, 9, 5, 5)]
    path = write(tmp_path / "x.json", images, boxes)
    samples, source = read(path)
    assert [(s.uri, s.label) for s in samples] == [
        ("a.jpg", "cat"),
        ("a.jpg", "dog"),
        ("b.jpg", "dog"),
        ("b.jpg", "dog"),
    ]
    assert len({s.id for s in samples}) == 4
    assert source.tally.left_out == {"images without annotations": 1}
    assert any("4 samples are boxes cut out of the images" in note for note in source.notes)
    samples, source = read(path, boxes=False)
    assert [(s.uri, s.label, s.crop) for s in samples] == [("b.jpg", "dog", WHOLE)]
    assert source.tally.left_out == {
        "rows listed again": 1,
        "images of several categories": 2,
        "images without annotations": 1,
    }
    assert any("1 images have several categories (first a.jpg: cat, dog)" in note for note in source.notes)


def test_annotations_without_boxes_label_the_image(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / "img" / f"{name}.jpg")
    images = [
        entry(1, "img/a.jpg", location=7, seq_id="s1", datetime="2013-10-05 05:50:12", frame_num=2),
        entry(2, "img/b.jpg", location=8, seq_id="s1", datetime="2013-10-05 05:50:13"),
    ]
    labels = [{"id": at, "image_id": at, "category_id": at, "individual": f"i{at}"} for at in (1, 2)]
    samples, _ = read(write(tmp_path / "traps.json", images, labels), columns={"identity": "individual"})
    assert [(s.label, s.identity, s.camera, s.group, s.crop) for s in samples] == [
        ("cat", "i1", "7", "s1", WHOLE),
        ("dog", "i2", "8", "s1", WHOLE),
    ]
    assert (str(samples[0].captured_at), samples[0].meta["frame_num"]) == ("2013-10-05 05:50:12", 2)


def test_what_cannot_be_used_is_told_with_its_number(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    annotations = [
        *(
            box(9, 1, 0, 0, 5, 5),
            box(1, 7, 0, 0, 5, 5),
            box(1, 1, 0, 0, 0, 5),
            box(1, 1, 50, 0, 5, 5),
            box(1, 1, 0, 0, 5),
        ),
        *(box(1, 1, 0, 0, 5, 5, iscrowd=1), "text", box(1, 2, 0, 0, 5, 5), box(1, 2, 0, 0, 5, 5)),
    ]
    images = [entry(1, "a.jpg"), entry(2, "gone.jpg")]
    samples, source = read(write(tmp_path / "x.json", images, [*annotations, box(2, 1, 0, 0, 5, 5)]))
    assert [s.label for s in samples] == ["dog"]
    assert source.tally.left_out == {
        "unusable annotations": 3,
        "boxes that cannot be used": 3,
        "crowds of objects": 1,
        "rows listed again": 1,
        "rows without an image": 1,
    }
    reasons = {problem.where: problem.reason for problem in source.problems}
    assert reasons["x.json annotation 1"] == "its image_id is 9, which the file does not list"
    assert reasons["x.json annotation 2"] == "its category_id is 7, which the file does not list"
    assert reasons["x.json annotation 3"] == "the box is 0 wide and 5 high"


def test_a_file_that_has_no_sizes(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg", (80, 20))
    samples, _ = read(write(tmp_path / "x.json", [{"id": 1, "file_name": "a.jpg"}], [box(1, 1, 20, 0, 20, 10)]))
    assert samples[0].box == Box(0.25, 0, 0.25, 0.5)


def test_categories_of_one_name_keep_apart(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    path = write(tmp_path / "x.json", [entry(1, "a.jpg")], [box(1, 3, 0, 0, 5, 5)], ("cat", "dog", "cat"))
    assert read(path)[0][0].label == "3 cat"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"images": [', "is not JSON"),
        ('{"images": [], "annotations": {}}', "has no list of annotations and of categories"),
        ('{"images": [{"id": 1}], "annotations": [], "categories": []}', "image 1 has no id or no file_name"),
        ('{"images": [], "annotations": [], "categories": []}', "has a header line but no rows|holds no"),
        ("[1]", "is no file of COCO"),
        ('{"shapes": []}', "is no file of COCO"),
    ],
)
def test_what_is_no_file_of_annotations(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "x.json")


def test_an_image_per_file_of_json_is_another_format(tmp_path: Path) -> None:
    for at in range(60):
        (tmp_path / "set" / "cat").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "cat" / f"{at}.json").write_text('{"images": []}')
        image(tmp_path / "set" / "cat" / f"{at}.jpg")
    assert guess_kind(tmp_path / "set") == "folder"


def test_whole_images_and_conditions(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("a.jpg", "b.jpg"):
        image(root / name)
    names = ("Toe drain", "Toe drain- Blocked")
    write(root / "train.json", [entry(1, "a.jpg"), entry(2, "b.jpg")], [box(1, 2, 10, 0, 10, 5)], names)
    samples, source = read(root, images=True)
    assert [(one.uri, one.label, one.crop == WHOLE) for one in samples] == [
        ("a.jpg", None, True), ("b.jpg", None, True), ("a.jpg", "Toe drain- Blocked", False),
    ]  # fmt: skip
    assert samples[2].meta == {"object": "toe drain", "condition": "blocked"}
    assert any(note.startswith("Classes are objects with conditions") for note in source.notes)
    (tmp_path / "map.yaml").write_text("Toe drain: drain\nToe drain- Blocked: {object: drain, condition: silted}\n")
    samples, _ = read(root, class_map=str(tmp_path / "map.yaml"))
    assert [(one.label, dict(one.meta)) for one in samples] == [
        ("Toe drain- Blocked", {"object": "drain", "condition": "silted"})
    ]
    assert "object" not in read(write(root / "val.json", [entry(1, "a.jpg")], [box(1, 2, 1, 0, 9, 5)]))[0][0].meta
