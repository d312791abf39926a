"""Image files of every state become upright images or one reason."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError
from retrieval.images import EXIF_DATE, EXIF_DIRECTORY, file_pixels, read_file, upright
from retrieval.types import Preprocess

ORIENTATION = 0x0112


def jpeg(orientation: int | None = None, taken: str | None = None) -> bytes:
    """A red image of 16 by 8 pixels with a blue upper left corner."""
    pixels = np.full((8, 16, 3), (200, 0, 0), np.uint8)
    pixels[:4, :4] = (0, 0, 200)
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    if taken is not None:
        exif.get_ifd(EXIF_DIRECTORY)[EXIF_DATE] = taken
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", exif=exif, quality=95)
    return data.getvalue()


@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [(1, (16, 8), (0, 0)), (3, (16, 8), (15, 7)), (6, (8, 16), (7, 0)), (8, (8, 16), (0, 15))],
)
def test_images_are_turned_as_they_say(orientation: int, size: tuple[int, int], corner: tuple[int, int]) -> None:
    image, taken = upright(jpeg(orientation))
    assert image.size == size
    assert taken is None
    pixel = image.getpixel(corner)
    assert isinstance(pixel, tuple)
    assert pixel[2] > 100


def test_the_time_of_capture_is_read_where_it_can_be() -> None:
    assert upright(jpeg(taken="2021:03:04 05:06:07"))[1] == datetime(2021, 3, 4, 5, 6, 7)  # noqa: DTZ001
    assert upright(jpeg(taken="yesterday"))[1] is None


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "the file is empty"), (b"no image", "not an image"), (jpeg()[:-40], "the image is truncated")],
)
def test_what_is_no_image_says_why_and_which(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        upright(data)
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"x\.jpg: {says}"):
        file_pixels(path, Preprocess(8, (8, 8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jpg: cannot be read \(No such file"):
        read_file(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read_file(tmp_path)
