"""Draws photographs of invented, mushroom-like species.

The attributes of a species determine its looks. Its specimens differ in proportions and shade; photographs of one
specimen differ in viewpoint, light, background and foreground. Every image is a function of (seed, species, specimen,
image).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from data.drawing import Camera
from data.species_scene import Shot, Specimen, photograph
from data.species_world import ATTRIBUTES, Species, world

if TYPE_CHECKING:
    from data.drawing import Pixels

__all__ = ["ATTRIBUTES", "Species", "render", "shot_and_camera", "world"]

# Streams of random numbers, so that more draws in one do not change another.
_SPECIMEN, _SHOT, _PIXELS = 10, 11, 12


def render(
    species: Species, specimen: int, image: int, seed: int = 0, size: int = 160, *, clean: bool = False
) -> Pixels:
    """Photograph a specimen of a species.

    Args:
        species: one of a ``world``.
        specimen: number of the specimen, from 0.
        image: number of the photograph of the specimen, from 0.
        seed: seed of all random numbers, 0 or more.
        size: height and width in pixels, at least 48.
        clean: whether to use one standard arrangement, view, light and camera; only specimen and ground vary.

    Returns:
        (size, size, 3) uint8.

    Raises:
        ValueError: the size is too small, or a number negative.
    """
    if size < 48 or min(specimen, image, seed) < 0:
        raise ValueError("A photograph needs 48 pixels or more, and numbers of 0 or more.")
    grown = _specimen(species, specimen, seed)
    rng = np.random.default_rng([seed, _PIXELS, species.index, specimen, image])
    if clean:
        return photograph(grown.tidied(species), Shot.clean(species), Camera(), size, rng)
    shot, camera = shot_and_camera(species, specimen, image, seed, size)
    return photograph(grown, shot, camera, size, rng)


def shot_and_camera(species: Species, specimen: int, image: int, seed: int = 0, size: int = 160) -> tuple[Shot, Camera]:
    """The conditions under which ``render`` takes a photograph: habitat, view, light and camera."""
    rng = np.random.default_rng([seed, _SHOT, species.index, specimen, image])
    shot = Shot.random(species, rng)
    return shot, Camera.random(rng, shot.light, size)


@lru_cache(maxsize=4)
def _specimen(species: Species, specimen: int, seed: int) -> Specimen:
    return Specimen.grow(species, np.random.default_rng([seed, _SPECIMEN, species.index, specimen]))
