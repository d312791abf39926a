"""A contact sheet of wrong predictions."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from eval.report.figures.wrong_sheet import wrong_sheet
from eval.results.assets import Neighbour, WrongPrediction, assets_folder, thumbnail_name
from retrieval.errors import InputError


def wrong(neighbours: int, thumbnail: str | None = None) -> WrongPrediction:
    labels = ["a" if at % 2 else None for at in range(neighbours)]
    near = (Neighbour(f"n{at}.jpg", label, 0.9 - 0.1 * at, thumbnail) for at, label in enumerate(labels))
    return WrongPrediction("1", "u.jpg", "a", "b", 0.75, thumbnail, tuple(near))


def test_a_row_for_each_with_or_without_thumbnails(tmp_path: Path) -> None:
    result, name = tmp_path / "r.json", thumbnail_name("k")
    picture = assets_folder(result) / name
    picture.parent.mkdir(parents=True)
    data = io.BytesIO()
    Image.new("RGB", (32, 32), (10, 200, 10)).save(data, "WEBP")
    picture.write_bytes(data.getvalue())
    wrong_sheet(result, [wrong(3, name)], tmp_path / "one.png")
    wrong_sheet(result, [wrong(3, name), wrong(0)], tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert one.width == two.width
        assert two.height > 1.5 * one.height
        colours = one.convert("RGB").getcolors(maxcolors=2**24) or []
        assert sum(count for count, (r, g, b) in colours if g > 180 and r < 40 and b < 40) > 4 * 32 * 32 // 2  # type: ignore[misc]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["one.png", "two.png"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        wrong_sheet(tmp_path / "r.json", [wrong(1)], tmp_path / "file" / "x.png")
