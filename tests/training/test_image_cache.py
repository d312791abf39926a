"""Decoded images in a file: made once, whole or not at all, and once for all processes of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import InputError
from retrieval.types import Preprocess, UInt8
from training.image_cache import cached_pixels, image_bytes

if TYPE_CHECKING:
    from pathlib import Path

SIZE = Preprocess(4, (4, 3), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def picture(number: int) -> UInt8:
    """A picture of one grey value."""
    return np.full((4, 3, 3), number, np.uint8)


def test_pictures_are_decoded_once_until_the_key_changes(tmp_path: Path) -> None:
    asked: list[int] = []

    def decode(number: int) -> UInt8:
        asked.append(number)
        return picture(number)

    for key, times in (("a", 1), ("a", 1), ("b", 2)):
        kept = cached_pixels(tmp_path / "c.npy", key, 200, SIZE, decode, "images", threads=1, quiet=True)
        assert (kept.shape, kept[:, 0, 0, 0].tolist()) == ((200, 4, 3, 3), list(range(200)))
        assert sorted(asked) == sorted([*range(200)] * times)
    assert image_bytes(SIZE) * 200 == kept.nbytes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "c.npy"]


def test_nothing_half_done_is_left(tmp_path: Path) -> None:
    def decode(number: int) -> UInt8:
        if number == 150:
            raise InputError("x.jpg: damaged")
        return picture(number)

    with pytest.raises(InputError, match=r"^x\.jpg: damaged"):
        cached_pixels(tmp_path / "c.npy", "a", 200, SIZE, decode, "images", quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")  # noqa: PTH110
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / ".c.npy.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"c\.npy cannot be written \(No space left on device\); .* take 0\.00 GB"):
        cached_pixels(tmp_path / "c.npy", "a", 200, SIZE, picture, "images", quiet=True)
