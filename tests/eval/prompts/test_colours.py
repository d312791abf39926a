from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from eval.prompts.colours import SHADES, colour_shares, colour_words, lab
from eval.prompts.store import class_colours, store_classes
from retrieval.errors import InputError
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class Album:
    """Samples and thumbnails that a test made up."""

    def __init__(self, rows: Sequence[tuple[str, str | None, str | None]], thumbnails: Mapping[str, bytes]) -> None:
        self._rows, self._thumbnails = rows, thumbnails
        self.asked: list[str] = []

    def samples(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        table = pa.Table.from_pylist([dict(zip(("key", "label", "split"), row, strict=True)) for row in self._rows])
        return table if columns is None else table.select(list(columns))

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        self.asked += keys
        return {key: self._thumbnails[key] for key in keys if key in self._thumbnails}


def webp(image: UInt8) -> bytes:
    data = io.BytesIO()
    Image.fromarray(image).save(data, "WEBP", lossless=True)
    return data.getvalue()


RED, BLUE = webp(disc("e50000", "15b01a")), webp(disc("0343df", "15b01a"))


def test_colours_come_from_train_images_alone() -> None:
    rows = [
        ("k1", "a", "train"),
        ("k2", "a", "test"),
        ("k3", "a", "val"),
        ("k4", "b", "train"),
        ("k5", None, "train"),
        ("k6", "a", None),
        ("k7", "a", "train"),
        ("k7", "a", "test"),
        ("k8", "c", "train"),
        ("k9", "d", "train"),
    ]
    album = Album(
        rows, {"k1": RED, "k4": BLUE, "k8": b"damaged", **dict.fromkeys(("k2", "k3", "k5", "k6", "k7"), BLUE)}
    )
    found = class_colours(album)
    assert found.attributes == {"a": {"colour": ("red",)}, "b": {"colour": ("blue",)}}
    assert (found.images, found.without) == (2, ("c", "d"))
    assert sorted(album.asked) == ["k1", "k4", "k8", "k9"]
    assert store_classes(album) == ("a", "b", "c", "d")


def test_so_many_images_of_a_class() -> None:
    album = Album([(f"k{at}", "a", "train") for at in range(9)], {f"k{at}": RED if at < 2 else BLUE for at in range(9)})
    found = class_colours(album, most=1, per_class=2)
    assert found.attributes == {"a": {"colour": ("red",)}}
    assert found.images == 2


def test_without_train_or_thumbnails_it_refuses() -> None:
    with pytest.raises(InputError, match="no labelled sample in the split train"):
        class_colours(Album([("k", "a", "test"), ("l", "a", None), ("m", None, "train")], {"k": RED, "l": RED}))
    with pytest.raises(InputError, match="--no-thumbnails"):
        class_colours(Album([("k", "a", "train")], {}))


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
