"""Outlines of COCO: polygons of one part or several, masks, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.coco_outlines import MASK, compact, read_parts
from indexers.sources.registry import open_source
from retrieval.crops import parse_policy
from retrieval.images import ORIENTATION, upright
from retrieval.outlines import split_parts
from retrieval.types import WHOLE, Box, Sample

NAMES = ("toe drain", "toe drain blocked", "slope drain")
TRIANGLE = [16.0, 8.0, 32.0, 8.0, 16.0, 24.0]
MASKED = {"counts": "abc", "size": [32, 64]}


def write(root: Path, annotations: list[dict[str, Any]]) -> tuple[list[Sample], BaseSource]:
    """Write an image of 64 x 32 pixels, unless it is there, with annotations of COCO, and read them."""
    images = [{"id": 0, "file_name": "a.png", "width": 64, "height": 32}]
    if not (root / "a.png").exists():
        Image.new("RGB", (64, 32)).save(root / "a.png")
    categories = [{"id": at, "name": name} for at, name in enumerate(NAMES)]
    annotations = [{"id": 100 + at, "image_id": 0, **one} for at, one in enumerate(annotations)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "train.json").write_text(json.dumps(content))
    source = open_source(root / "train.json", "coco")
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


def test_polygons_are_outlines_in_their_boxes(tmp_path: Path) -> None:
    two = [[16, 8, 24, 8, 16, 16], [32, 16, 48, 16, 48, 24, 32, 24]]
    samples, source = write(
        tmp_path,
        [
            {"category_id": 0, "bbox": [16, 8, 16, 16], "segmentation": [TRIANGLE]},
            {"category_id": 1, "bbox": [16, 8, 32, 16], "segmentation": two},
            {"category_id": 2, "bbox": [0, 0, 4, 4], "segmentation": []},
            {"category_id": 2, "bbox": [], "segmentation": TRIANGLE[::-1]},
        ],
    )
    assert [one.box for one in samples] == [
        Box(0.25, 0.25, 0.25, 0.5), Box(0.25, 0.25, 0.5, 0.5), Box(0, 0, 0.0625, 0.125), Box(0.125, 0.5, 0.25, 0.5),
    ]  # fmt: skip
    assert samples[0].polygon == ((0.25, 0.25), (0.5, 0.25), (0.25, 0.75))
    assert split_parts(samples[1].polygon or ()) == [
        [(0.25, 0.25), (0.375, 0.25), (0.25, 0.5), (0.25, 0.25)],
        [(0.5, 0.5), (0.75, 0.5), (0.75, 0.75), (0.5, 0.75), (0.5, 0.5)],
    ]
    assert samples[2].polygon is None
    assert samples[3].polygon == ((0.375, 0.5), (0.125, 1.0), (0.125, 0.5))
    assert not source.problems
    assert "3 boxes have an outline of polygons." in source.notes


def test_they_are_what_labels_of_yolo_are(tmp_path: Path) -> None:
    """The same objects written both ways: the same boxes, outlines and notes."""
    rng = np.random.default_rng(0)
    lines, annotations = [], []
    for at in range(12):
        corners = rng.uniform((0, 0), (64, 32), (5, 2)).round(3)
        low, high = corners.min(axis=0), corners.max(axis=0)
        centred = np.concatenate([(low + high) / 2, high - low]) / (64, 32, 64, 32)
        numbers = (corners / (64, 32)).ravel() if at % 2 else centred
        lines.append(" ".join(map(repr, [at % 3, *map(float, numbers)])))
        outline = {"segmentation": [corners.ravel().tolist()]} if at % 2 else {}
        annotations.append({"category_id": at % 3, "bbox": [*low, *(high - low)], **outline})
    samples, source = write(tmp_path, annotations)
    yolo = tmp_path / "yolo"
    (yolo / "train").mkdir(parents=True)
    Image.new("RGB", (64, 32)).save(yolo / "train" / "a.png")
    (yolo / "train" / "a.txt").write_text("\n".join(lines))
    (yolo / "data.yaml").write_text(json.dumps({"train": "train", "names": list(NAMES)}))
    other = open_source(yolo / "data.yaml", "yolo", options={"images": False})
    for one, two in zip(samples, other, strict=True):
        assert (one.label, one.meta) == (two.label, two.meta)
        assert one.box == pytest.approx(two.box)
        assert (one.polygon is None) == (two.polygon is None)
        assert np.allclose(one.polygon or (), two.polygon or ())
    told = ("Classes are objects", "12.00 objects in an image", "How they lie to each other")
    assert [note for note in source.notes if note.startswith(told)] == [
        note for note in other.notes if note.startswith(told)
    ]


def test_masks_are_counted_and_crowds_left_out(tmp_path: Path) -> None:
    samples, source = write(
        tmp_path,
        [
            {"category_id": 0, "bbox": [0, 0, 5, 5], "segmentation": MASKED},
            {"category_id": 0, "bbox": [9, 9, 5, 5], "segmentation": {"counts": [0, 800], "size": [32, 64]}},
            {"category_id": 0, "bbox": [9, 0, 5, 5], "segmentation": MASKED, "iscrowd": 1},
        ],
    )
    assert [one.polygon for one in samples] == [None, None]
    assert source.tally.left_out == {"crowds of objects": 1}
    assert not source.problems
    assert (
        "2 outlines are masks in run-length encoding (RLE; first train.json annotation 1), which are not read; their "
        "boxes are taken."
    ) in source.notes


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[1, 2, 3, 4]], "4 numbers in its segmentation are no corners x, y of three points or more"),
        ([TRIANGLE, [1, 2, 3, 4, 5, 6, 7]], "7 numbers in its segmentation are no corners"),
        ([["1", 2]], "its segmentation is no list of polygons of numbers"),
        ([[1, [2], 3]], "its segmentation is no list of polygons of numbers"),
        ("x", "its segmentation is no list of polygons of numbers"),
        ([[*TRIANGLE[:5], float("nan")]], "a number in its segmentation is not finite"),
        ([[10**400, *TRIANGLE[1:]]], "its segmentation is no list of polygons of numbers"),
        ([[0.2, 0.2, 0.6, 0.2, 0.2, 0.8]], "its segmentation has no area in its box"),
        ([[16, 8, 20, 8, 32, 8]], "its segmentation has no area in its box"),
    ],
)
def test_what_is_no_outline_is_told_and_the_box_stays(tmp_path: Path, segmentation: Any, reason: str) -> None:
    samples, source = write(tmp_path, [{"category_id": 1, "bbox": [16, 8, 16, 16], "segmentation": segmentation}])
    assert [(one.box, one.polygon) for one in samples] == [(Box(0.25, 0.25, 0.25, 0.5), None)]
    told = source.problems[0]
    assert told.where == "train.json annotation 1"
    assert told.reason.startswith(f"annotation id 100: {reason}")
    assert told.reason.endswith("; its box is taken without an outline")
    assert len(source.problems) == 1


def test_whole_images_have_no_outline(tmp_path: Path) -> None:
    write(tmp_path, [{"category_id": 1, "bbox": [16, 8, 16, 16], "segmentation": [TRIANGLE]}])
    samples = list(open_source(tmp_path / "train.json", "coco", options={"boxes": False}))
    assert [(one.crop, one.polygon) for one in samples] == [(WHOLE, None)]


@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_outlines_turn_with_the_image_and_stay_sharp(tmp_path: Path, orientation: int) -> None:
    stored = np.zeros((32, 64), np.uint8)
    stored[8:24, 16:32] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    whole = [0.0, 0.0, 64.0, 32.0]
    corners = [16, 8, 32, 8, 32, 24, 16, 24]
    samples, _ = write(tmp_path, [{"category_id": 0, "bbox": whole, "segmentation": [corners]}])
    image = upright((tmp_path / "a.png").read_bytes()).image
    seen = parse_policy("blur-outside(0.1)").pictures(image, samples[0].box, samples[0].polygon)[0]
    pixels = np.asarray(seen.convert("L"))
    assert (pixels[np.asarray(image.convert("L")) == 255] == 255).all()


def test_an_outline_that_leaves_the_image_is_cut_off(tmp_path: Path) -> None:
    """The corners inside stay, the others are where the edges leave; rounding moves corners to the edge as it did."""
    boxes = [{"category_id": 0, "bbox": [0, 0, 64, 32], "segmentation": [one]} for one in (
        [32, -16, 80, 32, -16, 32], [0, 0, 64.4, 0, 64.4, 32.4],
        [16, -9, 32, -9, 32, -1],
    )]  # fmt: skip
    samples, source = write(tmp_path, boxes)
    assert set(samples[0].polygon or ()) == {(0.25, 0), (0.75, 0), (1, 0.5), (1, 1), (0, 1), (0, 0.5)}
    assert samples[1].polygon == ((0, 0), (1, 0), (1, 1))
    assert samples[2].polygon is None
    assert "its segmentation has no area in its box" in source.problems[0].reason


def test_numbers_are_kept_as_arrays() -> None:
    assert compact(MASKED) == MASK
    assert compact(None) is None
    assert read_parts(compact([[]])) == read_parts(None) == []
    assert read_parts(compact([TRIANGLE])) == [[(16.0, 8.0), (32.0, 8.0), (16.0, 24.0)]]
