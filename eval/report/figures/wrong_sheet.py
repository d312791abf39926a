"""WrongPrediction predictions as a contact sheet: a row each, the image and its nearest neighbours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from eval.results.assets import read_thumbnail
from retrieval.files import write_atomically
from retrieval.sheet import Tile, contact_sheet

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    from eval.results.assets import WrongPrediction

MOST = 12
RIGHT, OTHER = "#009e73", "#d55e00"
"""Frames of neighbours of the true label, and of others; captions say it too."""


def wrong_sheet(result: Path, wrong: Sequence[WrongPrediction], out: Path) -> None:
    """Write a PNG with a row per wrong prediction: the image at the left, its neighbours nearest first.

    Args:
        result: the result file, beside which the thumbnails lie.
        wrong: what to show, at least one.
        out: the PNG.

    Raises:
        InputError: ``out`` cannot be written.
    """
    from PIL import Image

    with TemporaryDirectory() as folder:
        rows = []
        for at, each in enumerate(wrong):
            row = Path(folder) / f"{at}.png"
            contact_sheet(_query(result, each), _neighbours(result, each), row, f"{at + 1}. {_title(each)}")
            with Image.open(row) as image:
                rows.append(image.copy())
        page = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
        top = 0
        for picture in rows:
            page.paste(picture, (0, top))
            top += picture.height
    _write(page, out)


def _write(page: PillowImage.Image, out: Path) -> None:
    data = io.BytesIO()
    page.save(data, format="PNG", optimize=True)
    write_atomically(out, data.getvalue(), "choose another folder")


def _title(each: WrongPrediction) -> str:
    return f"{each.label}, taken for {each.predicted} ({100 * each.probability:.0f} %)"


def _query(result: Path, each: WrongPrediction) -> Tile:
    return Tile(read_thumbnail(result, each.thumbnail), (each.label, each.uri))


def _neighbours(result: Path, each: WrongPrediction) -> list[Tile]:
    tiles = []
    for near in each.neighbours:
        right = near.label == each.label
        words = (f"{near.score:.3f} {'right label' if right else 'other label'}", near.label or "no label")
        tiles.append(Tile(read_thumbnail(result, near.thumbnail), words, RIGHT if right else OTHER))
    return tiles
