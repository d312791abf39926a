"""Who the sample hands belong to: attributes that a caption can name, and measures that no two people share.

A person's two hands are mirror images with small differences, as real ones are: finger lengths and main creases
nearly agree, veins and moles do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

ATTRIBUTES = {
    "skin": ("very fair", "fair", "medium", "dark"),
    "fingers": ("short", "medium-length", "long"),
    "build": ("slender", "sturdy"),
    "palm": ("narrow", "broad"),
    "longer": ("index", "ring"),
    "veins": ("faint", "prominent"),
    "creases": ("fine", "deep"),
    "polish": ("no", "red", "pink", "blue"),
}
"""The values of every attribute of a person; veins and polish show on the back of a hand, creases on the palm."""

SIDES = ("right", "left")

TONES = {"very fair": (238, 206, 188), "fair": (222, 178, 150), "medium": (188, 136, 102), "dark": (112, 74, 54)}
_FINGERS = {"short": (0.84, 0.89), "medium-length": (0.96, 1.01), "long": (1.08, 1.14)}
_BUILD = {"slender": (0.84, 0.91), "sturdy": (1.05, 1.13)}
_PALM = {"narrow": (0.183, 0.2), "broad": (0.232, 0.25)}
_LONGER = {"index": (0.04, 0.07), "ring": (-0.07, -0.04)}

# Lengths from knuckle to tip, thumb to little finger, where wrist to middle tip is about 1.
_LENGTHS = np.array([0.32, 0.42, 0.475, 0.43, 0.335])
# Main creases of a palm (heart, head, life): x from the thumb's side (-1) to the other (1), y up from the wrist.
_CREASES = np.array(
    [
        [(0.98, 0.40), (0.45, 0.405), (0.0, 0.43), (-0.38, 0.50)],
        [(-0.85, 0.385), (-0.3, 0.36), (0.25, 0.31), (0.75, 0.24)],
        [(-0.85, 0.395), (-0.3, 0.33), (-0.12, 0.2), (-0.3, 0.03)],
    ]
)

# Streams of random numbers, so that more draws in one do not change another.
_PERSON, _HAND = 20, 21


@dataclass(frozen=True, eq=False)
class Person:
    """What both hands of a person share; ``looks`` maps ``ATTRIBUTES`` to values, lengths are in hand lengths."""

    index: int
    seed: int
    age: int
    gender: str
    looks: dict[str, str]
    tone: Points
    lengths: Points
    thickness: float
    palm: float
    fan: Points
    creases: Points
    nail: float

    def __getitem__(self, attribute: str) -> str:
        return self.looks[attribute]


@dataclass(frozen=True, eq=False)
class HandShape:
    """One hand of a person, as a right hand seen from its back: x to the little finger, y from wrist to fingertips.

    ``lengths`` and ``fan`` (degrees) are (5,), thumb first; ``creases`` (lines, 4, 2) and ``veins`` (lines, 5, 2)
    give x in palm half-widths; ``moles`` is (n, 2) likewise; ``wrinkles`` (5, 3) moves the lines of each finger.
    """

    person: Person
    side: str
    lengths: Points
    fan: Points
    creases: Points
    veins: Points
    moles: Points
    wrinkles: Points


@lru_cache(maxsize=512)
def person(index: int, seed: int = 0) -> Person:
    """Draw a person.

    Args:
        index: number of the person, from 0.
        seed: seed of all random numbers, 0 or more.

    Raises:
        ValueError: a number is negative.
    """
    if min(index, seed) < 0:
        raise ValueError("People and seeds are numbered from 0.")
    rng = np.random.default_rng([seed, _PERSON, index])
    looks = {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}
    gender = str(rng.choice(["female", "male"]))
    if gender == "male" or rng.random() < 0.5:
        looks["polish"] = "no"
    length, thickness, palm, longer = (
        rng.uniform(*ranges[looks[name]])
        for name, ranges in (("fingers", _FINGERS), ("build", _BUILD), ("palm", _PALM), ("longer", _LONGER))
    )
    lengths = _LENGTHS * length * rng.normal(1, (0.07, 0.02, 0.035, 0.02, 0.08))
    lengths[[1, 3]] = lengths[[1, 3]].mean() * (1 + np.array([longer, -longer]))
    minor = rng.uniform((-0.8, 0.1), (0.8, 0.46), (6, 1, 2)) + _strokes(rng, 6)
    return Person(
        index=index,
        seed=seed,
        age=int(rng.integers(18, 76)),
        gender=gender,
        looks=looks,
        tone=np.asarray(TONES[looks["skin"]]) * rng.normal(1, 0.03) + rng.normal(0, 4, 3),
        lengths=lengths,
        thickness=float(thickness),
        palm=float(palm),
        fan=np.array([-40.0, -11.0, -3.0, 5.0, 15.0]) + rng.normal(0, 2.5, 5),
        creases=np.concatenate([_CREASES + rng.normal(0, (0.1, 0.028), _CREASES.shape), minor]),
        nail=float(rng.uniform(0.8, 1.2)),
    )


@lru_cache(maxsize=512)
def hand(whose: Person, side: str) -> HandShape:
    """Draw a hand of a person; ``side`` is one of ``SIDES``."""
    rng = np.random.default_rng([whose.seed, _HAND, whose.index, SIDES.index(side)])
    shift = rng.normal(0, (0.05, 0.012), whose.creases.shape)
    return HandShape(
        person=whose,
        side=side,
        lengths=whose.lengths * rng.normal(1, 0.012, 5),
        fan=whose.fan + rng.normal(0, 1.0, 5),
        creases=whose.creases + shift,
        veins=_veins(rng),
        moles=rng.uniform((-0.85, 0.05), (0.85, 0.5), (int(rng.integers(0, 4)), 2)),
        wrinkles=rng.normal(0, (0.025, 0.025, 0.2), (5, 3)),
    )


def _strokes(rng: np.random.Generator, count: int) -> Points:
    """Short, slightly bent lines of four points around 0, (count, 4, 2)."""
    along = np.linspace(-0.5, 0.5, 4)[None, :, None]
    angle = rng.uniform(0, np.pi, count)
    direction = np.stack([np.cos(angle), 0.22 * np.sin(angle)], axis=1)[:, None]
    across = direction[..., ::-1] * (-1, 1)
    bend = rng.normal(0, 0.3, (count, 1, 1)) * (0.25 - along**2)
    strokes: Points = rng.uniform(0.25, 0.7, (count, 1, 1)) * (along * direction + bend * across)
    return strokes


def _veins(rng: np.random.Generator) -> Points:
    """Lines from the wrist towards the knuckles, that wander and meet, (5, 5, 2)."""
    height = np.linspace(0.0, 0.5, 5)
    lines = []
    for foot, top in zip(rng.uniform(-0.4, 0.4, 5), np.linspace(-0.7, 0.7, 5), strict=True):
        across = foot + (top + rng.normal(0, 0.12) - foot) * (height / 0.5) + rng.normal(0, 0.1, 5)
        lines.append(np.stack([across, height + rng.normal(0, 0.02, 5)], axis=1))
    return np.stack(lines)
