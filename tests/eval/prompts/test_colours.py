from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from eval.prompts.colours import SHADES, colour_shares, colour_words, lab
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from retrieval.types import UInt8


def rgb(shade: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(shade))


def disc(inside: str, outside: str, size: int = 96) -> UInt8:
    """A disc of a colour on another."""
    row, column = np.ogrid[:size, :size]
    middle = (row - size / 2) ** 2 + (column - size / 2) ** 2 < (size / 3) ** 2
    image: UInt8 = np.where(middle[..., None], rgb(inside), rgb(outside)).astype(np.uint8)
    return image


def test_shades_are_of_the_survey() -> None:
    from matplotlib.colors import XKCD_COLORS

    survey = {str(value).removeprefix("#") for value in XKCD_COLORS.values()}
    assert {shade for shades in SHADES.values() for shade in shades} <= survey
    for term, shades in SHADES.items():
        assert XKCD_COLORS[f"xkcd:{term}"] == f"#{shades[0]}"


@pytest.mark.parametrize(
    ("colour", "want"),
    [  # CIELAB of the sRGB primaries under D65, as published in many places
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_cielab(colour: tuple[int, int, int], want: tuple[float, float, float]) -> None:
    assert lab(np.array(colour, np.uint8)) == pytest.approx(want, abs=0.01)


@pytest.mark.parametrize(("term", "shade"), [(term, shade) for term, shades in SHADES.items() for shade in shades])
def test_an_even_image_has_the_one_colour(term: str, shade: str) -> None:
    image = np.full((20, 30, 3), rgb(shade), np.uint8)
    assert colour_words([image]) == (term,)


@pytest.mark.parametrize("size", [7, 96, 300])
def test_a_thing_is_told_from_its_background(size: int) -> None:
    images = [disc("e50000", "15b01a", size), disc("e50000", "363737", size), disc("ffffff", "658b38", size)]
    assert colour_words(images) == ("red", "white")
    assert colour_words(images, most=1) == ("red",)
    assert colour_words(images[:1]) == ("red",)


def test_shares_sum_to_one_whatever_the_shape() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 3), (1, 50, 3), (130, 3, 3)):
        for share in colour_shares(rng.integers(0, 256, shape, dtype=np.uint8)):
            assert share.sum() == pytest.approx(1)


def test_no_image_has_no_colour() -> None:
    assert colour_words([]) == ()


@needs_shared
@pytest.mark.parametrize(
    ("species", "among"),
    [
        ("Amanita muscaria", {"red", "orange"}),
        ("Amanita virosa", {"white"}),
        ("Cantharellus cibarius", {"orange"}),
        ("Craterellus cornucopioides", {"black"}),
        ("Boletus edulis", {"brown"}),
    ],
)
def test_real_mushrooms_have_their_colours(species: str, among: set[str]) -> None:
    images = []
    for path in sorted((SHARED / "species" / "mushrooms" / species).iterdir())[:20]:
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGB").resize((128, 128)), np.uint8))
    assert among <= set(colour_words(images))
