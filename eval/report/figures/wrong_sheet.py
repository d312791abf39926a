"""Wrong predictions as a contact sheet: one row each, the image and its nearest neighbours."""

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

MOST_ROWS = 12
RIGHT, OTHER = "#009e73", "#d55e00"
"""Colours of the frames of neighbours with the true label and with others; the captions say which is which."""


def wrong_sheet(result: Path, wrong: Sequence[WrongPrediction], out: Path) -> None:
    """Write a PNG with one row per wrong prediction: the image at the left, then its neighbours, nearest first.

    Args:
        result: the result file, whose assets hold the thumbnails.
        wrong: the predictions to show, at least one.
        out: the PNG file.

    Raises:
        InputError: ``out`` cannot be written.
    """
    from PIL import Image

    with TemporaryDirectory() as folder:
        rows = []
        for at, prediction in enumerate(wrong):
            row = Path(folder) / f"{at}.png"
            title = f"{at + 1}. {_title(prediction)}"
            contact_sheet(_query_tile(result, prediction), _neighbour_tiles(result, prediction), row, title)
            with Image.open(row, formats=("PNG",)) as image:
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


def _title(prediction: WrongPrediction) -> str:
    return f"{prediction.label}, taken for {prediction.predicted} ({100 * prediction.probability:.0f} %)"


def _query_tile(result: Path, prediction: WrongPrediction) -> Tile:
    return Tile(read_thumbnail(result, prediction.thumbnail), (prediction.label, prediction.uri))


def _neighbour_tiles(result: Path, prediction: WrongPrediction) -> list[Tile]:
    tiles = []
    for neighbour in prediction.neighbours:
        right = neighbour.label == prediction.label
        words = (f"{neighbour.score:.3f} {'right label' if right else 'other label'}", neighbour.label or "no label")
        tiles.append(Tile(read_thumbnail(result, neighbour.thumbnail), words, RIGHT if right else OTHER))
    return tiles
