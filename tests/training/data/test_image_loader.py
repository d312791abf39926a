"""Batches of pixels: kept or decoded anew, in any batches, ahead or not, they are the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.seams.samples import Pool
from retrieval.encoders.preprocess import pixels
from retrieval.errors import InputError
from retrieval.types import Preprocess
from retrieval.types.store import SourceInfo
from tests.support.images import write_images
from training import processes
from training.data.image_loader import ImageLoader, earlier_occurrences
from training.data.stored_images import StoredImages
from training.data.training_data import TrainingData
from training.image_augment import ImageAugmentation

if TYPE_CHECKING:
    from pathlib import Path

SIZE = Preprocess(16, (16, 12), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
BYTES = 16 * 12 * 3
EVERYTHING = ImageAugmentation(crop="pad", pad=2, rand_magnitude=5, erase=0.5)


def data_of(folder: Path, n: int = 10, **columns: Any) -> TrainingData:
    """Images of three classes, the last three of them val."""
    paths = write_images(folder, n)
    values = {"uri": [path.relative_to(folder).as_posix() for path in paths], "source": ["s"] * n, **columns}
    cells = {name: np.array(column, np.object_) for name, column in values.items()}
    ids = np.arange(n).astype(np.str_)
    images = StoredImages(Pool(ids, cells), [SourceInfo("s", "folder", str(folder), 0)])
    role = np.where(np.arange(n) < n - 3, "train", "val")
    return TrainingData(ids, ids, ("a", "b", "c"), np.arange(n) % 3, role, cells, images=images)


def epoch_of(loader: ImageLoader, epoch: int, *batches: list[int]) -> list[np.ndarray]:
    """The pixels of all batches of an epoch, one array per sample."""
    with loader:
        loader.begin(epoch, [np.array(batch) for batch in batches])
        return [image for number in range(len(batches)) for image in loader.batch(number)]


@pytest.mark.parametrize("how", [EVERYTHING, ImageAugmentation(crop="resized", rand_magnitude=5)])
def test_pixels_depend_on_neither_cache_nor_batches_nor_threads(tmp_path: Path, how: ImageAugmentation) -> None:
    data = data_of(tmp_path / "i")

    def loader(name: str, **options: Any) -> ImageLoader:
        (tmp_path / name).mkdir(exist_ok=True)
        return ImageLoader(data, SIZE, how, tmp_path / name, seed=1, quiet=True, **options)

    kept = epoch_of(loader("kept"), 2, [0, 1, 2], [3, 1, 1])
    some = epoch_of(loader("some", cache_gb=3 * BYTES / 1e9, threads=1), 2, [0], [1, 2, 3], [1], [1])
    none = epoch_of(loader("none", cache_gb=0.0), 2, [0, 1, 2, 3, 1, 1])
    assert all(np.array_equal(one, other) for one, other in zip(kept, some, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(kept, none, strict=True))
    assert kept[0].shape == (16, 12, 3)
    assert not np.array_equal(kept[1], kept[4]), "a repeated sample is augmented anew"
    assert not np.array_equal(kept[0], epoch_of(loader("kept"), 3, [0])[0])
    assert not list((tmp_path / "none").iterdir())
    assert "`data.cache_gb`" in loader("some", cache_gb=3 * BYTES / 1e9).notes[0]


def test_several_processes_make_the_pixels_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, batches = data_of(tmp_path / "i"), ([0, 1, 2, 1, 1], [3, 1, 0])
    whole = epoch_of(ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=1, quiet=True), 2, *batches)
    shares = []
    for rank in range(2):
        loader = ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=1, quiet=True)
        with monkeypatch.context() as patch:
            patch.setattr(processes, "ranks", lambda: 2)
            patch.setattr(processes, "rank", lambda rank=rank: rank)
            shares.append(epoch_of(loader, 2, *batches))
    first, second = shares
    joined = [*first[:3], *second[:2], *first[3:], *second[2:]]
    assert all(np.array_equal(one, other) for one, other in zip(joined, whole, strict=True))


def test_val_samples_are_preprocessed_as_the_encoder_does_it(tmp_path: Path) -> None:
    data = data_of(tmp_path / "i")
    assert data.images is not None
    expected = [pixels(data.images.decode(row), SIZE) for row in range(10)]
    with ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=0, quiet=True) as loader:
        assert np.array_equal(loader.plain(data.rows("val")), expected[7:])
        assert np.array_equal(loader.plain(np.array([0, 8])), [expected[0], expected[8]])


def test_what_is_kept_is_decoded_once_and_outlives_the_images(tmp_path: Path) -> None:
    data = data_of(tmp_path / "i")
    first = epoch_of(ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=0, quiet=True), 0, [0, 1])
    assert data.images is not None
    for row in range(10):
        data.images.path(row).unlink()
    again = epoch_of(ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=0, quiet=True), 0, [0, 1])
    assert np.array_equal(first, again)
    with pytest.raises(InputError, match=r"00000\.jpg"):
        ImageLoader(data, Preprocess(8, (8, 8), SIZE.mean, SIZE.std), EVERYTHING, tmp_path, seed=0, quiet=True)


def test_images_with_aspects_are_not_mirrored_unless_that_is_said(tmp_path: Path) -> None:
    with_aspects = data_of(tmp_path / "i", aspect=["dorsal left"] * 10)
    mirrored = ImageAugmentation(crop="none", flip=True)
    usual = ImageAugmentation(crop="none")

    def differs(data: TrainingData, how: ImageAugmentation) -> tuple[bool, tuple[str, ...]]:
        loader = ImageLoader(data, SIZE, how, tmp_path, seed=0, quiet=True)
        images = epoch_of(loader, 0, [0] * 12)
        return any(not np.array_equal(image, images[0]) for image in images), loader.notes

    moved, notes = differs(with_aspects, usual)
    assert not moved
    assert notes == (
        "Images are not mirrored, as samples have aspects, in which left and right differ; `flip=true` mirrors them.",
    )
    assert differs(with_aspects, mirrored) == (True, ())
    assert differs(data_of(tmp_path / "j"), usual) == (True, ())


def test_rare_classes_vary_more(tmp_path: Path) -> None:
    data = data_of(tmp_path / "i", 8)  # of train: two of a, two of b, one of c
    how = ImageAugmentation(crop="none", flip=False, rare_below=2)
    images = epoch_of(ImageLoader(data, SIZE, how, tmp_path, seed=0, quiet=True), 0, [0, 1, 2] * 8)
    different = [len({image.tobytes() for image in images[start::3]}) for start in range(3)]
    assert different[:2] == [1, 1]
    assert different[2] > 4


def test_dropped_batches_do_not_disturb_the_next_epoch(tmp_path: Path) -> None:
    data = data_of(tmp_path / "i")
    with ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=0, quiet=True) as loader:
        batches = [np.array([row]) for row in range(6)]
        loader.begin(0, batches)
        loader.batch(0)
        loader.begin(1, batches)
        resumed = loader.batch(3)
    assert np.array_equal(resumed[0], epoch_of(ImageLoader(data, SIZE, EVERYTHING, tmp_path, seed=0), 1, [3])[0])


@given(st.lists(st.integers(0, 4), max_size=20))
def test_earlier_occurrences_are_counted(rows: list[int]) -> None:
    seen: Counter[int] = Counter()
    expected = []
    for row in rows:
        expected.append(seen[row])
        seen[row] += 1
    assert earlier_occurrences(np.array(rows, np.int64)).tolist() == expected
