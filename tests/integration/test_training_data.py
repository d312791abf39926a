"""From an index to the pixels of a training job: they are those that made the stored vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from retrieval.encoders.registry import load
from retrieval.store.open import open_store
from tests.support.command_line import SMALL_ENCODER, call_cli
from tests.support.images import draw_images
from training.data.data_config import DataConfig
from training.data.image_loader import ImageLoader
from training.data.read_training_data import read_training_data
from training.data.training_data import DataNeeds, TrainingData
from training.image_augment import ImageAugmentation

if TYPE_CHECKING:
    from pathlib import Path

NEEDS = DataNeeds(images=True, views=("base",), target="label")
BOXES = ("0 0.3 0.4 0.5 0.6", "1 0.7 0.6 0.4 0.5", "1 0.2 0.2 0.9 0.1 0.5 0.8")
"""A box of each class, and a polygon of the second."""


def read(store: Path, space: str | None = None, **config: Any) -> TrainingData:
    """Read the training data of a store on disk."""
    opened = open_store(store)
    with opened.snapshot() as snapshot:
        return read_training_data(opened, snapshot, snapshot.space(space), DataConfig.read(config, "recipe"), NEEDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with three objects each, under two crop policies."""
    root = tmp_path_factory.mktemp("slopes")
    folders = {"train": 3, "valid": 1, "test": 1}
    draw_images(root, *(f"{name}/images/{name}{at}.png" for name, n in folders.items() for at in range(n)))
    for name, n in folders.items():
        (root / name / "labels").mkdir()
        for at in range(n):
            (root / name / "labels" / f"{name}{at}.txt").write_text("\n".join(BOXES) + "\n")
    (root / "data.yaml").write_text(
        "train: train/images\nval: valid/images\ntest: test/images\nnames: [rock toe, rock toe damaged]\n"
    )
    for crop in ("box", "blur-outside(0.1)"):
        call_cli("index", root, "--store", root / "s", *SMALL_ENCODER, "--precision", "fp32", "--crop", crop)
    return root / "s"


def test_pixels_are_those_of_the_stored_vectors_under_every_crop_policy(store: Path, tmp_path: Path) -> None:
    with open_store(store).snapshot() as snapshot:
        spaces = snapshot.spaces
    assert [space.spec.crop for space in spaces] == ["whole", "blur-outside(0.1)"]
    for space in spaces:
        data = read(store, space.name)
        assert (len(data), len(data.rows("val")), data.classes) == (12, 3, ("rock toe", "rock toe damaged"))
        assert space.spec.preprocess is not None
        (tmp_path / space.fingerprint).mkdir()
        with ImageLoader(
            data, space.spec.preprocess, ImageAugmentation(), tmp_path / space.fingerprint, seed=0, quiet=True
        ) as loader:
            vectors = load(space.spec, "cpu").encode_images(loader.plain(np.arange(12)))
        assert np.allclose(vectors.vectors, data.vectors["base"].vectors, atol=1e-5)


def test_objects_of_one_image_are_on_one_side(store: Path) -> None:
    with open_store(store).snapshot() as snapshot:
        name = snapshot.spaces[0].name
    data = read(store, name, val_from="train:0.3", where="meta_object = 'rock toe'")
    images = [{*data.columns["uri"][data.role == role]} for role in ("train", "val")]
    assert [len(of_role) for of_role in images] == [2, 1]
    assert not images[0] & images[1]
    conditions = read(store, name, target="condition")
    assert conditions.classes == ("damaged", "normal")
