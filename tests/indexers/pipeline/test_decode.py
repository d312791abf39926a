"""What is made of the bytes of a file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from indexers.pipeline.decode import decode, difference_hash, open_image, vector_key
from retrieval.crops import parse_policy
from retrieval.errors import InputError
from retrieval.images import content_hash
from retrieval.types import Box, Preprocess, Sample

PIXELS = Preprocess(8, (8, 8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "nearest")


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def quarters() -> Image.Image:
    """Red, green, blue and white quarters, 40 x 20."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 10))
    image.paste("green", (20, 0, 40, 10))
    image.paste("blue", (0, 10, 20, 20))
    return image


def test_a_box_is_cut_before_anything_is_computed() -> None:
    data = png(quarters())
    box = Box(0.5, 0.0, 0.5, 0.5)
    sample = Sample("s", "u", box=box)
    found = decode(open_image(data), sample, PIXELS, thumbnail=True)
    assert (found.width, found.height) == (20, 10)
    assert (found.pixels == np.array([0, 128, 0])).all()
    assert found.key == f"{content_hash(data)}#{sample.crop}" == vector_key(found.content, sample.crop)
    assert found.thumbnail is not None
    assert Image.open(io.BytesIO(found.thumbnail)).size == (20, 10)


def test_a_policy_of_two_views_gives_both_pictures() -> None:
    sample = Sample("s", "u", box=Box(0.5, 0.0, 0.5, 0.5))
    found = decode(open_image(png(quarters())), sample, PIXELS, thumbnail=False, policy=parse_policy("full+crop"))
    whole = decode(open_image(png(quarters())), Sample("s", "u"), PIXELS, thumbnail=False)
    assert found.pixels.shape == (2, *whole.pixels.shape)
    assert (found.pixels[0] == np.array([0, 128, 0])).all()
    assert (found.pixels[1] == whole.pixels).all()
    assert (found.width, found.height) == (20, 10)


def test_a_box_of_no_width_is_one_pixel_and_one_outside_is_said() -> None:
    data = png(quarters())
    assert decode(open_image(data), Sample("s", "u", box=Box(0.5, 0.5, 0, 0)), PIXELS, thumbnail=False).width == 1
    with pytest.raises(InputError, match="outside the image"):
        decode(open_image(data), Sample("s", "u", box=Box(1.5, 0.5, 0.1, 0.1)), PIXELS, thumbnail=False)


def test_thumbnails_are_small_and_only_made_when_wanted() -> None:
    large = png(Image.linear_gradient("L").resize((900, 300)))
    found = decode(open_image(large), Sample("s", "u"), PIXELS, thumbnail=True)
    assert found.thumbnail is not None
    assert Image.open(io.BytesIO(found.thumbnail)).size == (128, 43)
    assert decode(open_image(large), Sample("s", "u"), PIXELS, thumbnail=False).thumbnail is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "the file is empty"), (b"hello", "not an image"), (png(quarters())[:-30], "truncated")],
)
def test_bytes_that_are_no_whole_image(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        decode(open_image(data), Sample("s", "u"), PIXELS, thumbnail=True)


def test_the_difference_hash_is_of_the_picture_not_of_the_file() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)).resize(
        (180, 160), Image.Resampling.BICUBIC
    )
    other = Image.fromarray(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)).resize(
        (180, 160), Image.Resampling.BICUBIC
    )
    smaller = image.resize((90, 80))

    def bits(a: Image.Image, b: Image.Image) -> int:
        return ((difference_hash(a) ^ difference_hash(b)) & (2**64 - 1)).bit_count()

    assert bits(image, smaller) <= 4
    assert bits(image, other) > 16
    assert -(2**63) <= difference_hash(image) < 2**63
