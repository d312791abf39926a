"""Boxes in pixels, as tables and COCO files write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.boxes import fraction_box, has_shape, parse_box, turn_box
from indexers.sources.registry import open_source
from retrieval.crops import cut_box
from retrieval.images import ORIENTATION, upright
from retrieval.types import WHOLE, Box, Sample


@pytest.mark.parametrize(
    "text", ["[1, 2.5, 3e1, .5]", "1 2.5 30 0.5", "1,2.5,30.0,0.5", "(1;2.5;30;0.5)", "{1, 2.5 30 .5}"]
)
def test_ways_to_write_a_box(text: str) -> None:
    assert parse_box(text) == (1, 2.5, 30, 0.5)


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4 5", "x 1 2 3 4", "[1, 2, nan, 4]", "1 2 3 1e999", "1-2-3-4", ""])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not four numbers x, y, width, height"):
        parse_box(text)


def test_a_box_is_a_part_of_the_image() -> None:
    assert fraction_box((10, 0, 10, 5), (40, 20)) == Box(0.25, 0, 0.25, 0.25)
    assert fraction_box((-10, 15, 30, 50), (40, 20)) == Box(0, 0.75, 0.5, 0.25)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        ((0, 0, 0, 5), "the box is 0 wide and 5 high"),
        ((0, 0, 5, -2), "the box is 5 wide and -2 high"),
        ((40, 0, 5, 5), "lies outside the image, which is 40 wide and 20 high"),
        ((-9, 0, 5, 5), "lies outside"),
    ],
)
def test_a_box_without_a_pixel(pixels: tuple[float, float, float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fraction_box(pixels, (40, 20))


STORED, SIZE = (8.0, 16.0, 24.0, 8.0), (64, 48)


def turned_image(path: Path, orientation: int) -> Path:
    """Write an image of 64 x 48 stored pixels, white in the box :data:`STORED` only, with an Exif orientation."""
    pixels = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    x, y, width, height = map(int, STORED)
    pixels[y : y + height, x : x + width] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def coco(root: Path, orientation: int, box: tuple[float, ...], **size: Any) -> tuple[list[Sample], BaseSource]:
    turned_image(root / "a.png", orientation)
    content = {
        "images": [{"id": 1, "file_name": "a.png", **size}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": list(box)}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (root / "x.json").write_text(json.dumps(content))
    source = open_source(root / "x.json", "coco")
    return list(source), source


def darkest(root: Path, box: Box | None) -> int:
    assert box is not None
    return int(np.asarray(cut_box(upright((root / "a.png").read_bytes()).image, box)).min())


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_box_of_the_stored_image_turns_with_it(tmp_path: Path, orientation: int) -> None:
    samples, source = coco(tmp_path, orientation, STORED, width=SIZE[0], height=SIZE[1])
    box = samples[0].box
    assert darkest(tmp_path, box) == 255
    assert box is not None
    assert (round(box.width * 48), round(box.height * 64)) == (8, 24)
    assert any("1 box was drawn on images as they are stored" in note for note in source.notes)
    left, top, width, height = turn_box(STORED, SIZE, orientation)
    samples, source = coco(tmp_path, orientation, (left, top, width, height), width=SIZE[1], height=SIZE[0])
    assert darkest(tmp_path, samples[0].box) == 255
    assert not any("Exif" in note for note in source.notes)


@pytest.mark.parametrize(
    ("orientation", "size", "told"),
    [
        (6, {}, True),
        (3, {"width": 64, "height": 48}, True),
        (2, {}, True),
        (1, {"width": 64, "height": 48}, False),
        (1, {"width": "128", "height": 96.0}, False),
        (6, {"width": 97, "height": 128}, False),
        (1, {"width": 0, "height": 48}, False),
    ],
)
def test_boxes_that_no_size_tells_are_said(tmp_path: Path, orientation: int, size: dict[str, Any], told: bool) -> None:  # noqa: FBT001
    samples, source = coco(tmp_path, orientation, (0, 0, 24, 24), **size)
    assert len(samples) == 1
    assert any("1 box is of images that Exif turns or mirrors (first a.png)" in note for note in source.notes) is told


@pytest.mark.parametrize(
    ("orientation", "size"),
    [(1, {"width": 48, "height": 64}), (3, {"width": 48, "height": 64}), (6, {"width": 64, "height": 64})],
)
def test_a_size_of_another_shape_is_refused(tmp_path: Path, orientation: int, size: dict[str, int]) -> None:
    for name, turn in (("a", orientation), ("b", 1)):
        turned_image(tmp_path / f"{name}.png", turn)
    (tmp_path / "metadata.csv").write_text(
        "path,identity,bbox,image_width,image_height\n"
        f'a.png,x,"[0, 0, 24, 24]",{size["width"]},{size["height"]}\nb.png,x,"[0, 0, 24, 24]",,\n'
    )
    source = open_source(tmp_path / "metadata.csv", "wildlife")
    assert [sample.uri for sample in source] == ["b.png"]
    assert source.tally.left_out == {"boxes that cannot be used": 1}
    assert "and this one is" in source.problems[0].reason


def test_shapes_at_another_scale() -> None:
    assert has_shape((640, 481), (1280, 960))
    assert not has_shape((41, 40), (40, 41))
    assert not has_shape((640, 640), (1280, 960))


def test_sizes_of_a_text_table_decide_too(tmp_path: Path) -> None:
    turned_image(tmp_path / "a.png", 6)
    table = tmp_path / "metadata.csv"
    table.write_text('path,identity,bbox,image_width,image_height\na.png,x,"[8, 16, 24, 8]",64,48.0\n')
    assert darkest(tmp_path, next(iter(open_source(table, "wildlife"))).box) == 255


@pytest.mark.parametrize("text", ["nan", "NaN", "None", "null", "<NA>", "", "[]"])
def test_a_box_that_is_not_there_is_the_whole_image(tmp_path: Path, text: str) -> None:
    turned_image(tmp_path / "a.png", 1)
    table = tmp_path / "metadata.csv"
    table.write_text(f"path,identity,bbox\na.png,x,{text}\n")
    source = open_source(table, "wildlife")
    assert [sample.crop for sample in source] == [WHOLE]
    assert not source.problems
