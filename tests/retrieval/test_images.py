"""Image files of every state become upright images or one reason."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from retrieval.encoders.preprocess import to_rgb
from retrieval.errors import InputError
from retrieval.images import (
    EXIF_DATE,
    EXIF_DIRECTORY,
    SEVERAL_FRAMES,
    TWELVE_BITS,
    PixelLimitError,
    file_pixels,
    image_frame,
    read_image,
    upright,
)
from retrieval.pillow_messages import decoding
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORIENTATION = 0x0112
PIXELS = Preprocess(8, (8, 8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


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
    image, taken, _ = upright(jpeg(orientation))
    assert image.size == size
    assert taken is None
    pixel = image.getpixel(corner)
    assert isinstance(pixel, tuple)
    assert pixel[2] > 100


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_frame_is_that_of_the_upright_image(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (16, 8)).save(path, exif=exif)
    assert image_frame(path) == (upright(path.read_bytes()).image.size, orientation)


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
        file_pixels(path, PIXELS)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot be read \(No such file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path)
    with pytest.raises(InputError, match=r"none\.jpg: cannot be read \(No such file"):
        file_pixels(tmp_path / "none.jpg", PIXELS)


def test_of_a_large_file_that_is_no_image_only_the_first_bytes_are_read(tmp_path: Path) -> None:
    with (tmp_path / "film.jpg").open("wb") as file:
        file.write(b"\0\0\0\x18ftypmp42")
        file.truncate(2**40)  # sparse: takes no space
    with pytest.raises(InputError, match="a video, not an image"):
        read_image(tmp_path / "film.jpg")
    (tmp_path / "photo.jpg").write_bytes(jpeg())
    assert read_image(tmp_path / "photo.jpg") == jpeg()


def encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


GREY16 = np.arange(64, dtype=np.uint16).reshape(8, 8)


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_twelve_bits_in_sixteen_are_told_and_the_way_out_works(name: str) -> None:
    twelve = np.ascontiguousarray(GREY16 * 64)
    assert upright(encoded(Image.fromarray(twelve), name)).remarks == (TWELVE_BITS,)
    image, _, remarks = upright(encoded(Image.fromarray(twelve * 16), name))
    assert remarks == ()
    assert np.asarray(to_rgb(image)).max() > 250


def png_of_48_bits(pixels: NDArray[np.uint16]) -> bytes:
    """A PNG of three times 16 bits, which Pillow reads but does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_twelve_bits_in_colours_of_sixteen_are_told() -> None:
    twelve = np.full((4, 4, 3), 4095, np.uint16)
    assert upright(png_of_48_bits(twelve)).remarks == (TWELVE_BITS,)
    assert upright(png_of_48_bits(twelve * 16)).remarks == ()


@pytest.mark.parametrize("top", [0, 4096, 65535])
def test_other_images_of_sixteen_bits_pass_in_silence(top: int) -> None:
    assert upright(encoded(Image.fromarray(np.full((4, 4), top, np.uint16)), "PNG")).remarks == ()


def test_eight_bits_that_are_dark_pass_in_silence() -> None:
    assert upright(encoded(Image.new("RGB", (4, 4), (9, 9, 9)), "PNG")).remarks == ()


@pytest.mark.parametrize(("low", "high"), [(-1024, 3071), (0, 70000)])
def test_integers_without_an_agreed_range_are_refused(low: int, high: int) -> None:
    data = encoded(Image.fromarray(np.array([[low, high]], np.int32)), "TIFF")
    with pytest.raises(InputError, match=f"integers from {low} to {high} has no agreed range"):
        to_rgb(upright(data).image)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_used_and_it_is_told(name: str) -> None:
    first, second = (Image.new("RGB", (6, 6), colour) for colour in ("red", "blue"))
    image, _, remarks = upright(encoded(first, name, save_all=True, append_images=[second]))
    assert remarks == (SEVERAL_FRAMES,)
    assert to_rgb(image).getpixel((0, 0))[0] > 200  # type: ignore[index]
    assert upright(encoded(first, name)).remarks == ()


def test_warnings_of_pillow_become_remarks_of_the_file(recwarn: pytest.WarningsRecorder) -> None:
    data = bytearray(jpeg(orientation=6))
    at = data.index(b"Exif\0\0") + 14
    data[at : at + 2] = b"\x7f\xff"  # more entries than there are
    with decoding(), ThreadPoolExecutor(2) as pool:
        for image in pool.map(upright, [bytes(data), jpeg(), bytes(data)]):
            assert all(remark.startswith("Pillow warns: Corrupt EXIF data") for remark in image.remarks)
            assert len(image.remarks) <= 1
    assert not recwarn.list


def test_the_limit_of_pixels_is_for_a_while_and_can_be_moved() -> None:
    before = Image.MAX_IMAGE_PIXELS
    data = encoded(Image.new("1", (64, 64)), "PNG")
    for limit in (4095, 2000):  # above twice the limit Pillow itself refuses
        with decoding(limit), pytest.raises(PixelLimitError, match=f"4,096 pixels, more than the limit of {limit:,}"):
            upright(data)
    with decoding(4096):
        assert upright(data).image.size == (64, 64)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("name", ["WEBP", "AVIF", "JPEG2000"])
def test_the_limit_is_lower_where_decoding_takes_more_memory_and_its_way_out_works(name: str) -> None:
    data = encoded(Image.new("RGB", (64, 64)), name)
    with decoding(4096), pytest.raises(PixelLimitError, match=f"more than the limit of .* of {name}") as caught:
        upright(data)
    with decoding(caught.value.needed):
        assert upright(data).image.size == (64, 64)


def test_a_reduced_first_page_is_that_of_a_raw_file() -> None:
    for tags in ({254: 1}, {50706: b"\1\4\0\0"}):
        with pytest.raises(InputError, match="a camera raw file"):
            upright(encoded(Image.new("RGB", (4, 4)), "TIFF", tiffinfo=tags))


def test_whatever_a_decoder_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, says in ((MemoryError(), "not enough memory"), (KeyError("tile"), "tile"), (IndexError(), "IndexError")):

        def load(self: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
        with pytest.raises(InputError, match=says):
            upright(encoded(Image.new("RGB", (4, 4)), "PNG"))
