"""Samples of a few classes with images in memory: a colour that says the class, or labels that say nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.types import Embeddings, SpaceInfo
from training.data.training_data import TrainingData

if TYPE_CHECKING:
    from retrieval.types import Float32, UInt8

COLOURS = {"blue": (40, 60, 210), "green": (40, 180, 60), "red": (210, 40, 40), "yellow": (220, 210, 40)}


@dataclass(frozen=True)
class DrawnImages:
    """Images of samples in memory."""

    pixels: list[UInt8]

    def __len__(self) -> int:
        return len(self.pixels)

    def path(self, row: int) -> Path:
        return Path(f"{row}.png")

    def decode(self, row: int) -> Image.Image:
        return Image.fromarray(self.pixels[row])


def labelled_world(train: int = 12, val: int = 4, seed: int = 0, side: int = 40) -> TrainingData:
    """``train`` and ``val`` images of every class: a patch of its colour on grey noise."""
    rng = np.random.default_rng(seed)
    names, images, roles = [], [], []
    for name, colour in COLOURS.items():
        for number in range(train + val):
            image = rng.integers(70, 170, (side, side, 3))
            top, left = rng.integers(4, side // 2, 2)
            image[top : top + side // 2, left : left + side // 2] = colour
            images.append(image.astype(np.uint8))
            names.append(name)
            roles.append("train" if number < train else "val")
    n = len(names)
    classes = tuple(sorted(COLOURS))
    ids = np.array([f"{number:03d}" for number in range(n)])
    return TrainingData(
        ids=ids,
        keys=ids,
        classes=classes,
        target=np.array([classes.index(name) for name in names], np.int64),
        role=np.array(roles),
        columns={"label": np.array(names, np.object_)},
        images=DrawnImages(images),
    )


def shuffled_labels(data: TrainingData, seed: int = 0) -> TrainingData:
    """The same images, with labels that say nothing."""
    return replace(data, target=np.random.default_rng(seed).permutation(data.target))


def with_space(data: TrainingData, name: str, **request: Any) -> TrainingData:
    """The samples of a space of an encoder with random weights."""
    request = {"random_init": 1, "precision": "fp32", "device": "cpu", **request}
    spec = resolve(EncoderRequest(name, **request))
    space = SpaceInfo(spec.fingerprint, "parent", spec, 1, ("base",), "2026-01-01T00:00:00Z", len(data))
    return replace(data, space=space)


def with_vectors(data: TrainingData, features: Float32) -> TrainingData:
    """The same samples with stored vectors of these features (n, d)."""
    norms = np.linalg.norm(features, axis=1).astype(np.float32)
    return replace(data, vectors={"base": Embeddings((features / norms[:, None]).astype(np.float32), norms)})
