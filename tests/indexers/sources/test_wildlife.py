"""Tables of animals as wildlife-datasets and wildlife-tools have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexers.sources.base import BaseSource
from indexers.sources.registry import guess_kind, open_source
from indexers.sources.wildlife import is_wildlife
from retrieval.types import WHOLE, Box, Sample

HEADER = "image_id,identity,path,date,orientation,species,bbox\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "turtles"
    (root / "images").mkdir(parents=True)
    for name in "abc":
        Image.new("RGB", (40, 20)).save(root / "images" / f"{name}.jpg")
    return root


def read(path: Path, **options: Any) -> tuple[list[Sample], BaseSource]:
    source = open_source(path, options=options)
    assert source.kind == "wildlife"
    samples = list(source)
    assert source.tally.seen == source.tally.taken + sum(source.tally.left_out.values())
    return samples, source


def test_columns_are_fields(root: Path) -> None:
    rows = (
        "1,t1,images/a.jpg,2020-05-01 10:00:00,left,turtle,\n"
        '2,t2,images/b.jpg,2020-06-01 10:00:00,right,turtle,"[10, 0, 10, 5]"\n'
    )
    (root / "metadata.csv").write_text(HEADER + rows)
    samples, source = read(root)
    assert [(s.identity, s.label, s.aspect, s.box) for s in samples] == [
        ("t1", "turtle", "left", None),
        ("t2", "turtle", "right", Box(0.25, 0, 0.25, 0.25)),
    ]
    assert str(samples[1].captured_at) == "2020-06-01 10:00:00"
    assert samples[1].meta == {"image_id": 2}
    assert source.tally.left_out == {"images that no row lists": 1}
    assert [s.id for s in read(root / "metadata.csv")[0]] == [s.id for s in samples]
    assert [s.crop for s in read(root, boxes=False)[0]] == [WHOLE, WHOLE]


def test_two_animals_of_one_image_are_two_samples(root: Path) -> None:
    rows = '1,t1,images/a.jpg,,,,"[0, 0, 10, 5]"\n2,t2,images/a.jpg,,,,"[10, 0, 10, 5]"\n'
    (root / "metadata.csv").write_text(HEADER + rows)
    assert [s.identity for s in read(root)[0]] == ["t1", "t2"]
    samples, source = read(root, boxes=False)
    assert [s.identity for s in samples] == ["t1"]
    assert source.tally.left_out["rows in conflict"] == 1


def test_boxes_that_cannot_be_used_are_told_with_their_rows(root: Path) -> None:
    (root / "images" / "broken.jpg").write_bytes(b"<html>")
    boxes = {"a": "[0, 0, 0, 5]", "b": "[1, 2]", "c": "[90, 0, 5, 5]", "broken": "[0, 0, 5, 5]"}
    rows = [f'{n},t,images/{name}.jpg,,,,"{box}"' for n, (name, box) in enumerate(boxes.items())]
    (root / "metadata.csv").write_text(HEADER + "\n".join([*rows, "9,t,images/a.jpg,,,,\n"]))
    samples, source = read(root)
    assert [s.uri for s in samples] == ["images/a.jpg"]
    assert source.tally.left_out == {"boxes that cannot be used": 4}  # and no image that no row lists
    reasons = [problem.reason for problem in source.problems]
    assert reasons == [
        "the box is 0 wide and 5 high",
        "the box '[1, 2]' is not four numbers x, y, width, height",
        "the box lies outside the image, which is 40 wide and 20 high",
        "an HTML page, not an image",
    ]


def test_a_box_is_one_of_the_upright_image(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(root / "images" / "turned.jpg", exif=exif)
    (root / "metadata.csv").write_text(HEADER + '1,t,images/turned.jpg,,,,"[10, 0, 10, 10]"\n')
    assert read(root)[0][0].box == Box(0.5, 0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("path,identity,bbox", True),
        ("Path;Identity;Date", True),
        ('"image_id"\t"identity"\t"path"\t"position"', True),
        ("path,identity", False),
        ("path,label,date", False),
        ("file_name,path,identity,date", False),
    ],
)
def test_which_tables_are_of_this_kind(tmp_path: Path, header: str, kind: bool) -> None:  # noqa: FBT001
    (tmp_path / "table.csv").write_text(f"{header}\n")
    assert is_wildlife(tmp_path / "table.csv") is kind
    (tmp_path / "table.csv").rename(tmp_path / "metadata.csv")
    assert is_wildlife(tmp_path) is kind
    assert guess_kind(tmp_path) == ("wildlife" if kind else "imagefolder")
