from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError
from retrieval.sheet import PER_ROW, PICTURE, Tile, contact_sheet

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLUE = (10, 20, 240)


def thumbnail(size: tuple[int, int] = (64, 32), colour: tuple[int, int, int] = BLUE) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, format="WEBP", lossless=True)
    return data.getvalue()


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def share(page: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((page == colour).all(axis=2).sum())


def test_every_tile_is_fitted_into_its_square(tmp_path: Path) -> None:
    contact_sheet(None, [Tile(thumbnail(), ("1", "id 7"))] * 3, tmp_path / "sheet.png", "Three")
    assert share(pixels(tmp_path / "sheet.png"), BLUE) == 3 * PICTURE * PICTURE // 2


def test_rows_wrap_after_ten(tmp_path: Path) -> None:
    sizes = {}
    for count in (PER_ROW - 1, PER_ROW, PER_ROW + 1):
        contact_sheet(None, [Tile(thumbnail())] * count, tmp_path / "sheet.png", "")
        sizes[count] = pixels(tmp_path / "sheet.png").shape
    assert sizes[PER_ROW - 1][1] < sizes[PER_ROW][1] == sizes[PER_ROW + 1][1]
    assert sizes[PER_ROW - 1][0] == sizes[PER_ROW][0] < sizes[PER_ROW + 1][0]


def test_query_stands_left_of_the_grid(tmp_path: Path) -> None:
    red = (200, 0, 0)
    contact_sheet(Tile(thumbnail(colour=red)), [Tile(thumbnail())] * 2, tmp_path / "sheet.png", "Query")
    page = pixels(tmp_path / "sheet.png")
    assert np.argwhere((page == red).all(axis=2))[:, 1].max() < np.argwhere((page == BLUE).all(axis=2))[:, 1].min()


@pytest.mark.parametrize("image", [None, b"no image at all", thumbnail()[:40]])
def test_a_missing_or_damaged_thumbnail_is_a_grey_square_with_words(tmp_path: Path, image: bytes | None) -> None:
    contact_sheet(None, [Tile(image)], tmp_path / "sheet.png", "")
    page = pixels(tmp_path / "sheet.png")
    assert share(page, (0xEC, 0xEF, 0xF1)) > 0.85 * PICTURE**2
    assert share(page, (0x68, 0x71, 0x7A)) > 0


def test_frame_has_its_colour(tmp_path: Path) -> None:
    contact_sheet(None, [Tile(thumbnail(), frame="#2e8b57")], tmp_path / "sheet.png", "")
    assert share(pixels(tmp_path / "sheet.png"), (0x2E, 0x8B, 0x57)) > 4 * PICTURE


def test_a_long_caption_stays_inside_its_tile(tmp_path: Path) -> None:
    for name, caption in (("long", "Hands/" + "x" * 300), ("none", "")):
        contact_sheet(None, [Tile(thumbnail(), (caption,))], tmp_path / f"{name}.png", "")
    assert pixels(tmp_path / "long.png").shape == pixels(tmp_path / "none.png").shape
    assert (pixels(tmp_path / "long.png")[:, -20:] == 255).all()


def test_same_tiles_same_bytes_and_nothing_left_beside(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"older")
    for name in ("a.png", "b.png"):
        contact_sheet(None, [Tile(thumbnail(), ("1",))], tmp_path / name, "Twice")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_what_cannot_be_drawn_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        contact_sheet(None, [], tmp_path / "sheet.png", "")
    with pytest.raises(InputError, match="'greenish' is no colour"):
        contact_sheet(None, [Tile(None, frame="greenish")], tmp_path / "sheet.png", "")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        contact_sheet(None, [Tile(None)], tmp_path / "file" / "sheet.png", "")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
