"""What a photograph depends on, and what can be read from it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.species import ATTRIBUTES, Species, render, shot_and_camera, world

if TYPE_CHECKING:
    from numpy.typing import NDArray


def looking(attributes: dict[str, str] | None = None) -> Species:
    """A species with the first value of each attribute, but for those given."""
    looks = {name: values[0] for name, values in ATTRIBUTES.items()} | (attributes or {})
    return Species(0, "Quorina tamovii", MappingProxyType(looks), 0, "ring", held_out=False)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_an_image_is_a_function_of_its_four_numbers() -> None:
    few, many = world(3, 6), world(3, 80)
    whole = render(many[5], 2, 1, seed=3, size=64)
    for other in many[:4]:
        render(other, 0, 0, seed=3, size=64)
    np.testing.assert_array_equal(render(few[5], 2, 1, seed=3, size=64), whole)
    changed = [
        render(many[5], 2, 1, seed=4, size=64),
        render(many[4], 2, 1, seed=3, size=64),
        render(many[5], 1, 1, seed=3, size=64),
        render(many[5], 2, 0, seed=3, size=64),
    ]
    assert all(difference(picture, whole) > 2 for picture in changed)


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from data.species import render, world;"
        "print(hashlib.sha256(render(world(0, 4)[3], 1, 2, size=64).tobytes()).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == hashlib.sha256(render(world(0, 4)[3], 1, 2, size=64).tobytes()).hexdigest()


@settings(max_examples=25, deadline=None)
@given(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in ATTRIBUTES.items()}), st.integers(0, 99)
)
def test_every_combination_of_attributes_can_be_drawn(looks: dict[str, str], image: int) -> None:
    picture = render(looking(looks), 0, image, size=48)
    assert picture.shape == (48, 48, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 4


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_twins_differ_visibly_in_their_one_attribute(attribute: str) -> None:
    one, *others = (render(looking({attribute: value}), 0, 0, size=64, clean=True) for value in ATTRIBUTES[attribute])
    np.testing.assert_array_equal(render(looking(), 0, 0, size=64, clean=True), one)
    assert all((np.abs(one.astype(int) - other).max(axis=2) > 40).mean() > 0.004 for other in others)


def test_clean_views_differ_less_than_photographs_of_one_specimen() -> None:
    species = looking({"habitat": "wood"})
    clean, photographs = (
        [render(species, 0, image, size=64, clean=only) for image in range(5)] for only in (True, False)
    )
    spread = [float(np.std(pictures, axis=0).mean()) for pictures in (clean, photographs)]
    assert 1.5 * spread[0] < spread[1]


def test_most_photographs_are_taken_in_the_habitat_and_the_light_is_named() -> None:
    species = looking({"habitat": "wood"})
    shots = [shot_and_camera(species, specimen, 0)[0] for specimen in range(300)]
    assert 0.82 < np.mean([shot.habitat == "wood" for shot in shots]) < 0.97
    assert {shot.light_name for shot in shots} == {"low light", "moderate light", "bright daylight"}


@pytest.mark.parametrize(
    ("specimen", "image", "seed", "size"), [(-1, 0, 0, 64), (0, -1, 0, 64), (0, 0, -1, 64), (0, 0, 0, 47)]
)
def test_numbers_out_of_range_are_refused(specimen: int, image: int, seed: int, size: int) -> None:
    with pytest.raises(ValueError, match="48 pixels"):
        render(looking(), specimen, image, seed, size)
