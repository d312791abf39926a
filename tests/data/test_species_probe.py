"""What can be read from photographs: each attribute from clean ones by a linear probe, no species from raw colours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict

from data.species import ATTRIBUTES, Species, render, world

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIZE, SPECIES = 80, 1000
PATCH, FILTERS, CELLS = 6, 192, 5


def shuffled_species() -> list[Species]:
    """Species whose attributes are independent, so that none can be told from another."""
    rng = np.random.default_rng(5)
    looks: list[Mapping[str, str]] = [
        MappingProxyType({name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}) for _ in range(SPECIES)
    ]
    return [Species(1000 + at, "", look, 0, "ring", held_out=False) for at, look in enumerate(looks)]


def patch_features(pictures: NDArray[np.uint8]) -> Floats:
    """Responses of random whitened patches, rectified and pooled over a grid (Coates, Lee and Ng 2011)."""
    rng = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (PATCH, PATCH), (1, 2))
    count, rows, columns = windows.shape[:3]
    seen = windows[rng.integers(0, count, 9000), rng.integers(0, rows, 9000), rng.integers(0, columns, 9000)]
    sample = seen.reshape(9000, -1).astype(np.float32) / 255
    mean = sample.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((sample - mean).T))
    whiten = (vectors / np.sqrt(values + 0.003)) @ vectors.T
    filters = ((sample - mean) @ whiten)[:FILTERS]
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    weights = (whiten @ filters.T).astype(np.float32)
    threshold = (mean @ weights + 1).astype(np.float32)
    starts = np.linspace(0, rows, CELLS + 1).astype(int)[:-1]
    pooled = np.empty((count, CELLS * CELLS * FILTERS), np.float32)
    for at, picture in enumerate(windows):
        flat = picture.reshape(rows * columns, -1).astype(np.float32) / 255
        found = np.maximum(flat @ weights - threshold, 0).reshape(rows, columns, FILTERS)
        pooled[at] = np.add.reduceat(np.add.reduceat(found, starts, 0), starts, 1).ravel()
    features = np.sqrt(pooled)
    features -= features.mean(axis=0)
    features /= features.std()
    return features


@pytest.mark.slow
def test_a_linear_probe_recovers_each_attribute_from_clean_views() -> None:
    species = shuffled_species()
    features = patch_features(np.stack([render(one, 0, 0, size=SIZE, clean=True) for one in species]))
    truth = {name: np.array([values.index(one[name]) for one in species]) for name, values in ATTRIBUTES.items()}
    targets = [2 * np.eye(len(ATTRIBUTES[name]), dtype=np.float32)[index] - 1 for name, index in truth.items()]
    # One fit for all: a ridge regression of many targets is one of each, and with targets of 1 and -1 a classifier.
    answers = cross_val_predict(Ridge(alpha=100), features, np.concatenate(targets, axis=1), cv=5)
    ends = np.cumsum([len(values) for values in ATTRIBUTES.values()])[:-1]
    found = {
        name: float((scores.argmax(axis=1) == truth[name]).mean())
        for name, scores in zip(ATTRIBUTES, np.split(answers, ends, axis=1), strict=True)
    }
    assert min(found.values()) > 0.9, found


def nearest(features: Floats, specimens: int, photographs: int) -> float:
    """Accuracy of the nearest photograph of another specimen; features are in order of species, specimen, image."""
    number = np.arange(len(features)) // photographs
    label = number // specimens
    squares = (features**2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * features @ features.T
    apart[number[:, None] == number] = np.inf
    return float((label[apart.argmin(axis=1)] == label).mean())


@pytest.mark.slow
def test_raw_pixels_and_mean_colours_do_not_give_the_species_away() -> None:
    species, specimens, photographs = world(0, 40), 4, 2
    pictures = np.stack(
        [
            render(one, specimen, image, size=48)
            for one in species
            for specimen in range(specimens)
            for image in range(photographs)
        ]
    ).astype(np.float32)
    readings = {
        "pixels": pictures.reshape(len(pictures), -1),
        "mean colour": pictures.mean(axis=(1, 2)),
        "middle pixel": pictures[:, 24, 24],
    }
    found = {name: nearest(features, specimens, photographs) for name, features in readings.items()}
    assert max(found.values()) < 0.25, found
