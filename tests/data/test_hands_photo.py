"""Photographs of hands: what they are a function of, what shows in them, and what they hide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from data.hands import ASPECTS, ATTRIBUTES, Person, caption, person, render
from data.hands_people import SIDES, hand
from data.hands_scene import Sitting, photograph
from data.names import person_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Floats = NDArray[np.float64]

PEOPLE = 280
PROBED = {
    "dorsal right": ("skin", "fingers", "build", "palm", "longer", "veins"),
    "palmar right": ("skin", "fingers", "build", "palm", "longer", "creases"),
}


def test_a_photograph_is_a_function_of_its_numbers() -> None:
    one = render(person(3), "dorsal left", 2, size=48)
    assert one.shape == (48, 48, 3)
    person.cache_clear()
    hand.cache_clear()
    render(person(4), "palmar left", size=48)
    assert np.array_equal(one, render(person(3), "dorsal left", 2, size=48))
    for other in (
        render(person(4), "dorsal left", 2, size=48),
        render(person(3, seed=1), "dorsal left", 2, size=48),
        render(person(3), "dorsal right", 2, size=48),
        render(person(3), "dorsal left", 1, size=48),
        render(person(3), "dorsal left", 2, 1, size=48),
    ):
        assert np.abs(one.astype(float) - other).mean() > 1


@pytest.mark.parametrize(
    ("aspect", "numbers", "size"), [("dorsal", (0, 0), 48), ("dorsal left", (-1, 0), 48), ("dorsal left", (0, 0), 8)]
)
def test_photographs_that_cannot_be_are_refused(aspect: str, numbers: tuple[int, int], size: int) -> None:
    with pytest.raises(ValueError, match="hand"):
        render(person(0), aspect, *numbers, size=size)


def test_people_are_numbered_from_0() -> None:
    with pytest.raises(ValueError, match="from 0"):
        person(-1)


def difference(first: Pixels, second: Pixels) -> float:
    return float(np.abs(first.astype(float) - second).mean())


@pytest.mark.parametrize("view", ["dorsal", "palmar"])
def test_left_and_right_are_mirror_images_but_not_quite(view: str) -> None:
    right, left = ([render(person(at), f"{view} {side}", size=64, clean=True) for at in range(8)] for side in SIDES)
    mirrored = [difference(one, other[:, ::-1]) for one, other in zip(right, left, strict=True)]
    as_they_are = [difference(one, other) for one, other in zip(right, left, strict=True)]
    of_others = [difference(one, other) for at, one in enumerate(right) for other in right[:at]]
    assert min(mirrored) > 1
    assert np.mean(mirrored) < 0.8 * np.mean(as_they_are)
    assert np.mean(mirrored) < 0.8 * np.mean(of_others)


@pytest.mark.parametrize(("aspect", "side"), list(zip(ASPECTS, (-1, 1, 1, -1), strict=True)))
def test_the_thumb_is_where_it_belongs(aspect: str, side: int) -> None:
    """The back of a right hand and the palm of a left hand have their thumb on the left."""
    picture = render(person(0), aspect, size=64, clean=True).astype(float)
    hand_there = np.abs(picture - picture[:4].mean(axis=(0, 1))).sum(axis=2) > 150
    thumb, wrist = (np.nonzero(hand_there[rows])[1].mean() for rows in (slice(34, 41), slice(54, 64)))
    assert side * (thumb - wrist) > 1


@pytest.fixture(scope="module")
def clean() -> dict[str, Floats]:
    """Pixels of clean pictures, and how much each region differs from its own blur."""
    return {
        aspect: np.stack([described(render(person(at), aspect, size=48, clean=True)) for at in range(PEOPLE)])
        for aspect in PROBED
    }


def described(picture: Pixels) -> Floats:
    pixels = picture / 255.0
    blurred = sum(np.roll(pixels, shift, axis) for shift in (-1, 1) for axis in (0, 1)) / 4
    detail = np.abs(pixels - blurred).reshape(16, 3, 16, 3, 3).mean(axis=(1, 3))
    return np.concatenate([pixels.ravel(), 4 * detail.ravel()])


@pytest.mark.parametrize(("aspect", "attribute"), [(aspect, name) for aspect in PROBED for name in PROBED[aspect]])
def test_a_linear_probe_reads_attributes_from_clean_pictures(
    clean: dict[str, Floats], aspect: str, attribute: str
) -> None:
    values = np.array([person(at)[attribute] for at in range(PEOPLE)])
    assert set(values) == set(ATTRIBUTES[attribute])
    train = np.arange(PEOPLE) < 0.75 * PEOPLE
    centred = clean[aspect] - clean[aspect][train].mean(axis=0)
    probe = LogisticRegression(max_iter=200).fit(centred[train], values[train])
    assert probe.score(centred[~train], values[~train]) > 0.9


def test_polish_is_on_the_nails_of_the_back_alone() -> None:
    bare = next(one for one in map(person, range(100)) if one["polish"] == "no")
    red = replace(bare, index=10_000, looks={**bare.looks, "polish": "red"})
    plain, painted = (photographed(one, "dorsal right") for one in (bare, red))
    changed = np.abs(painted - plain).max(axis=2) > 40
    assert 0.004 < changed.mean() < 0.03
    assert (painted[changed] - plain[changed]).mean(axis=0).argmax() == 0
    assert np.array_equal(photographed(bare, "palmar right"), photographed(red, "palmar right"))


def photographed(whose: Person, aspect: str) -> Floats:
    """A clean picture of a hand that is the first person's but for what is said of it."""
    one = replace(hand(person(0), "right"), person=whose)
    return photograph(one, aspect, Sitting.clean(), 96, np.random.default_rng(0)).astype(float)


def test_raw_pixels_hardly_recognise_a_person() -> None:
    """Nearest neighbour on 16 x 16 pixels: how a photograph was taken says more than whose hand it is."""
    people, shots = 40, 3
    small = [
        np.asarray(Image.fromarray(render(person(at), "palmar right", shot, size=48)).resize((16, 16)), float).ravel()
        for at in range(people)
        for shot in range(shots)
    ]
    vectors, whose = np.stack(small), np.repeat(np.arange(people), shots)
    distance = np.square(vectors[:, None] - vectors[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (whose[distance.argmin(axis=1)] == whose).mean() < 0.2


def test_captions_say_what_is_so_and_can_be_seen() -> None:
    for at in range(40):
        for aspect in ASPECTS:
            one, (view, side) = person(at), aspect.split()
            text = caption(one, aspect, at)
            assert text == caption(one, aspect, at)
            assert f"{side} hand" in text
            assert ("palm of a" in text or "palmar" in text) is (view == "palmar")
            for word, attribute in (("skin", "skin"), ("veins", "veins"), ("creases", "creases")):
                assert f" {word}" not in text or f"{one[attribute]} {word}" in text
            assert "creases" not in text or view == "palmar"
            assert not ({"veins", "polish"} & set(text.split())) or view == "dorsal"


def test_every_attribute_comes_up_in_captions() -> None:
    texts = " ".join(caption(person(at), aspect) for at in range(60) for aspect in ASPECTS)
    for value in (*ATTRIBUTES["skin"], *ATTRIBUTES["fingers"], "slender", "sturdy", "narrow", "broad", "red", "blue"):
        assert value in texts


def test_half_of_the_captions_name_the_person() -> None:
    named = [person_name(at, 0) in caption(person(at), aspect) for at in range(100) for aspect in ASPECTS]
    assert 0.4 < np.mean(named) < 0.6
    assert len({person_name(at, seed) for at in range(200) for seed in range(2)}) > 380
