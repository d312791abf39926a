"""Boxes of COCO and of wildlife tables, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrieval.store.open import open_store
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json


def draw(path: Path, colours: tuple[int, int]) -> None:
    """Write an image with a left half and a right half of plain grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.repeat(np.repeat([colours], 16, 0), 16, 1).astype(np.uint8)
    Image.fromarray(np.stack([pixels] * 3, 2)).save(path)


def rows(root: Path, *columns: str) -> list[tuple[Any, ...]]:
    with open_store(root / "store").snapshot() as snapshot:
        table = snapshot.samples(list(columns))
    return sorted(zip(*(table.column(name).to_pylist() for name in columns), strict=True), key=str)


def test_boxes_are_cut_out_once(tmp_path: Path) -> None:
    for name, colours in (("a", (10, 200)), ("b", (200, 10))):
        draw(tmp_path / "set" / "train2017" / f"{name}.png", colours)
    boxes = [(1, "dark", 0), (1, "light", 16), (2, "light", 0), (2, "dark", 16)]
    numbers = {"dark": 1, "light": 2}
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.png", "width": 32, "height": 16} for n, name in ((1, "a"), (2, "b"))
        ],
        "annotations": [
            {"id": at, "image_id": n, "category_id": numbers[label], "bbox": [x, 0, 16, 16]}
            for at, (n, label, x) in enumerate(boxes)
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }
    (tmp_path / "set" / "annotations").mkdir()
    (tmp_path / "set" / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    command = ("index", tmp_path / "set", "--store", tmp_path / "store", *SMALL_ENCODER)
    report = call_json(*command)
    assert (report["source"], report["embedded"], report["splits"]) == ("coco:set", 4, {"train": 4})
    assert [row[:2] for row in rows(tmp_path, "label", "width", "id")] == [("dark", 16)] * 2 + [("light", 16)] * 2
    assert call_json(*command)["unchanged"] == 4
    (dark, *_), *_ = rows(tmp_path, "id", "label")
    hits = call_json("search", "--id", dark, "--store", tmp_path / "store", "-k", "3")["hits"]
    assert hits[0]["label"] == next(label for sample, label in rows(tmp_path, "id", "label") if sample == dark)


def test_a_table_of_animals_says_what_it_took(tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png", (10, 200))
    (tmp_path / "set" / "metadata.csv").write_text(
        'identity,path,date,orientation,bbox\nt1,a.png,2020-01-02,left,"[0, 0, 16, 16]"\n'
        't2,a.png,2020-01-02,right,"[16, 0, 16, 16]"\nt3,a.png,2020-01-02,right,"[16, 0, 0, 16]"\n'
    )
    done = call_cli("index", tmp_path / "set", "--store", tmp_path / "store", *SMALL_ENCODER, check=3)
    said = " ".join(done.stderr.split())
    assert "filepath = 'path', identity, aspect = 'orientation', captured_at = 'date', bbox" in said
    assert "2 samples are boxes cut out of the images; -s boxes=false takes whole images" in said
    assert "metadata.csv row 4: the box is 0 wide and 16 high" in said
    assert rows(tmp_path, "identity", "aspect") == [("t1", "left"), ("t2", "right")]
