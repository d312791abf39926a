"""Photographs of a hand and their captions, as functions of person, aspect, sitting, image and seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.hands_people import hand
from data.hands_scene import Sitting, photograph
from data.names import person_name

if TYPE_CHECKING:
    from data.drawing import Pixels
    from data.hands_people import Person

ASPECTS = ("dorsal right", "dorsal left", "palmar right", "palmar left")

# Streams of random numbers, so that more draws in one do not change another.
_SITTING, _IMAGE, _PIXELS, _CAPTION = 22, 23, 24, 25

_OPENINGS = ("a photo of", "a close-up photo of", "an image of", "")
_VIEWS = {"dorsal": ("the back of a", "the dorsal side of a"), "palmar": ("the palm of a", "the palmar side of a")}


def render(
    person: Person, aspect: str, sitting: int = 0, image: int = 0, *, size: int = 160, clean: bool = False
) -> Pixels:
    """Photograph a hand.

    Args:
        person: the person; all random numbers derive from its seed.
        aspect: one of ``ASPECTS``.
        sitting: number of the sitting, from 0; sittings differ in pose, ground, light and camera.
        image: number of the photograph within the burst, from 0; those of a burst differ little.
        size: height and width in pixels, at least 32.
        clean: whether to use one standard pose, ground, light and camera.

    Returns:
        (size, size, 3) uint8.

    Raises:
        ValueError: the aspect is unknown, the size too small, or a number negative.
    """
    _check(aspect, sitting, image, size)
    key = (person.seed, _PIXELS, person.index, ASPECTS.index(aspect), sitting, image)
    conditions = Sitting.clean() if clean else sitting_of(person, aspect, sitting, image, size=size)
    return photograph(hand(person, aspect.split()[1]), aspect, conditions, size, np.random.default_rng(key))


def sitting_of(person: Person, aspect: str, sitting: int, image: int = 0, *, size: int = 160) -> Sitting:
    """The conditions under which ``render`` takes a photograph: pose, ground, light, sleeve and camera."""
    key = (person.seed, _SITTING, person.index, ASPECTS.index(aspect), sitting)
    first = Sitting.random(np.random.default_rng(key), size)
    return first if not image else first.nearly(np.random.default_rng([*key, _IMAGE, image]))


def caption(person: Person, aspect: str, sitting: int = 0, image: int = 0) -> str:
    """Describe a photograph: always the aspect, other details at random, and the name in half of the captions.

    Raises:
        ValueError: the aspect is unknown, or a number negative.
    """
    _check(aspect, sitting, image, 32)
    view, side = aspect.split()
    rng = np.random.default_rng((person.seed, _CAPTION, person.index, ASPECTS.index(aspect), sitting, image))
    details = [text for text in _details(person, view) if rng.random() < 0.7]
    rng.shuffle(details)
    words = [str(rng.choice(_OPENINGS)), str(rng.choice(_VIEWS[view])), f"{side} hand"]
    if rng.random() < 0.5:
        words.append(f"of {person_name(person.index, person.seed)}")
    if details:
        words += ["with", " and ".join([", ".join(details[:-1]), details[-1]] if details[1:] else details)]
    if rng.random() < 0.5:
        words.append(f"on {sitting_of(person, aspect, sitting).ground}")
    return " ".join(word for word in words if word)


def _details(person: Person, view: str) -> list[str]:
    shorter = "ring" if person["longer"] == "index" else "index"
    details = [
        f"{person['fingers']} {person['build']} fingers",
        f"a {person['palm']} palm",
        f"{person['skin']} skin",
        f"the {person['longer']} finger longer than the {shorter} finger",
    ]
    if view == "palmar":
        return [*details, f"{person['creases']} creases"]
    polish = [f"{person['polish']} nail polish"] if person["polish"] != "no" else []
    return [*details, f"{person['veins']} veins", *polish]


def _check(aspect: str, sitting: int, image: int, size: int) -> None:
    if aspect not in ASPECTS:
        raise ValueError(f"'{aspect}' is not an aspect of a hand: {', '.join(ASPECTS)}.")
    if size < 32 or min(sitting, image) < 0:
        raise ValueError("A photograph of a hand needs 32 pixels or more, and numbers of 0 or more.")
