"""Captions: what is read, what is refused, and pixels that are decoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError, MissingFileError, VitrineError
from retrieval.types import Preprocess
from tests.support.caption_images import draw
from training.captions import decode_images, larger, read_pairs

if TYPE_CHECKING:
    from pathlib import Path

SIZE = Preprocess(resize=20, crop=(20, 20), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def test_a_split_is_read_in_order_and_alone(tmp_path: Path) -> None:
    folder = draw(tmp_path / "w")
    by_split = {name: read_pairs(folder, name, position=2, flip=False) for name in ("train", "val", "test")}
    assert [len(pairs) for pairs in by_split.values()] == [36, 12, 12]
    assert by_split["train"][0].path == folder / "images" / "red-square-0.png"
    assert by_split["train"][0].caption == "a photo of a red square"
    paths = [pair.path for pairs in by_split.values() for pair in pairs]
    assert len(set(paths)) == 60


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("filepath,caption\na.png,x\n", "no column split"),
        ("filepath,caption,split\na.png,x,training\n", "line 2: split 'training' is not one of"),
        ("filepath,caption,split\na.png, ,train\n", "line 2: filepath or caption is empty"),
        ("filepath,caption,split\na.png\n", "row 2: has another number of cells"),
        ("", "no column filepath"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_pairs(tmp_path, "train", position=0, flip=True)


def test_a_folder_without_captions_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="vitrine sample"):
        read_pairs(tmp_path, "train", position=0, flip=True)


def test_pixels_are_those_of_the_files_and_are_decoded_once(tmp_path: Path) -> None:
    pairs = read_pairs(draw(tmp_path / "w"), "train", position=0, flip=True)
    first = decode_images(pairs, SIZE, tmp_path / "c.npy", "images", quiet=True)
    assert first.shape == (36, 20, 20, 3)
    expected = np.asarray(Image.open(pairs[5].path).convert("RGB").resize((20, 20), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(first[5], expected)
    made = (tmp_path / "c.npy").stat().st_mtime_ns
    decode_images(pairs, SIZE, tmp_path / "c.npy", "images", quiet=True)
    assert (tmp_path / "c.npy").stat().st_mtime_ns == made
    assert decode_images(pairs[:3], larger(SIZE, 24), tmp_path / "c.npy", "images", quiet=True).shape == (3, 24, 24, 3)


def test_a_changed_image_is_decoded_again(tmp_path: Path) -> None:
    pairs = read_pairs(draw(tmp_path / "w"), "val", position=0, flip=True)
    decode_images(pairs, SIZE, tmp_path / "c.npy", "images", quiet=True)
    Image.new("RGB", (30, 30), (1, 2, 3)).save(pairs[0].path)
    assert decode_images(pairs, SIZE, tmp_path / "c.npy", "images", quiet=True)[0].max() == 3


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_image_that_is_missing_or_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    pairs = read_pairs(draw(tmp_path / "w"), "val", position=0, flip=True)
    pairs[1].path.unlink()
    if content is not None:
        pairs[1].path.write_bytes(content)
    with pytest.raises(VitrineError, match=rf"^{pairs[1].path}"):
        decode_images(pairs, SIZE, tmp_path / "c.npy", "images", quiet=True)
