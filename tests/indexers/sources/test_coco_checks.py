"""Files of COCO whose numbers mean something else, or whose ids stand twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.registry import open_source
from retrieval.errors import InputError
from retrieval.types import Box

NAMES = ("cat", "dog")
SIZE = (200, 150)
IMAGE = {"id": 1, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}


def read(folder: Path, annotations: list[dict[str, Any]], **lists: Any) -> BaseSource:
    """Read annotations of an image."""
    if not (folder / "a.png").exists():
        Image.new("L", SIZE).save(folder / "a.png")
    categories = [{"id": at, "name": name} for at, name in enumerate(NAMES, 1)]
    annotations = [{"id": at, "image_id": 1, "category_id": 1, **one} for at, one in enumerate(annotations, 1)]
    content = {"images": [IMAGE], "annotations": annotations, "categories": categories, **lists}
    (folder / "x.json").write_text(json.dumps(content))
    return open_source(folder / "x.json", "coco")


def outlined(box: list[float], x: float, y: float, right: float, bottom: float) -> dict[str, Any]:
    return {"bbox": box, "segmentation": [[x, y, right, y, right, bottom, x, bottom]]}


@pytest.mark.parametrize(
    "annotation",
    [
        {"bbox": [0.1, 0.1, 0.3, 0.4]},
        {"bbox": [0, 0, 1, 1]},
        {"segmentation": [[0.1, 0.1, 0.3, 0.1, 0.3, 0.4]]},
    ],
)
def test_fractions_are_refused(tmp_path: Path, annotation: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"x\.json: no box is more than 1 wide or high \(first .*COCO's numbers are pixels"
    ):
        read(tmp_path, [annotation, annotation])
    assert [one.box for one in read(tmp_path, [annotation, {"bbox": [0, 0, 100, 75]}])][1] == Box(0, 0, 0.5, 0.5)


def test_two_entries_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.json: two images have the id 1, 'a\.png' and 'b\.png'"):
        read(tmp_path, [], images=[IMAGE, {**IMAGE, "file_name": "b.png"}])
    with pytest.raises(InputError, match=r"x\.json: two categories have the id 7, 'cat' and 'dog'"):
        read(tmp_path, [], categories=[{"id": 7, "name": name} for name in NAMES])


def test_an_entry_listed_again_counts_once(tmp_path: Path) -> None:
    cats = [{"id": 1, "name": "cat"}, {"id": 1, "name": "cat", "supercategory": "animal"}]
    samples = list(read(tmp_path, [{"bbox": [0, 0, 9, 9]}], images=[IMAGE, IMAGE], categories=cats))
    assert [one.label for one in samples] == ["cat"]


@pytest.mark.parametrize(("crowd", "is_crowd"), [("1", True), (1.0, True), (True, True), ("0", False), (None, False)])
def test_a_crowd_may_be_written_as_text(tmp_path: Path, crowd: Any, is_crowd: bool) -> None:  # noqa: FBT001
    source = read(tmp_path, [{"bbox": [0, 0, 9, 9], "iscrowd": crowd}, {"bbox": [9, 9, 9, 9]}])
    assert len(list(source)) == 2 - is_crowd


CORNERS = outlined([100, 80, 150, 120], 100, 80, 150, 120)
SIZES = outlined([100, 80, 50, 40], 100, 80, 150, 120)
NEAR = outlined([2, 2, 52, 42], 2, 2, 52, 42)
"""As x, y, width, height it has nearly the box of its outline, too."""


def test_boxes_that_are_corners_are_refused(tmp_path: Path) -> None:
    told = r"x\.json: 3 of 4 boxes with an outline fit it as x1, y1, x2, y2 \(first annotation 3\); COCO's boxes are"
    with pytest.raises(InputError, match=told):
        read(tmp_path, [SIZES, NEAR, CORNERS, CORNERS, {"bbox": [1, 2, 3, 4]}])


def test_a_few_boxes_that_are_corners_are_told(tmp_path: Path) -> None:
    source = read(tmp_path, [SIZES, {**SIZES, "category_id": 2, "bbox": [99, 79, 52, 42]}, CORNERS])
    list(source)
    assert (
        "x.json: 1 box fits its outline as x1, y1, x2, y2 only (first annotation 3); COCO's boxes are x, y, width, "
        "height, and so it is taken; correct the file."
    ) in source.notes


@pytest.mark.parametrize("boxes", [[SIZES], [outlined([100, 80, 50, 40], 0, 0, 9, 9)], [NEAR, SIZES]])
def test_boxes_that_may_be_right_are_not_told(tmp_path: Path, boxes: list[dict[str, Any]]) -> None:
    source = read(tmp_path, boxes)
    list(source)
    assert not any("x1" in note for note in source.notes)
