"""Classes of a store and the colours of their train images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from eval.prompts.store import class_colours, store_classes
from retrieval.errors import InputError

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
    assert (found.images, found.without_thumbnails) == (2, ("c", "d"))
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
    with pytest.raises(InputError, match="no thumbnails of train images"):
        class_colours(Album([("k", "a", "train")], {}))
