"""Texts of objects in their situation: worked out by hand, and free of the condition that they ask for."""

from __future__ import annotations

import numpy as np
import pytest

from eval.classification.situations import (
    ObjectCondition,
    Situation,
    situation_texts,
    situations,
    text_of,
)
from retrieval.types import Box

BLOCKED = ObjectCondition("toe drain", "blocked")
IMAGES = ["a", "a", "a", "b", "b"]
BOXES = [Box(0.1, 0.7, 0.8, 0.1), Box(0.4, 0.1, 0.1, 0.3), None, Box(0, 0, 0.2, 0.2), None]
OBJECTS = ["toe drain", "inlet", None, "vegetation", None]


def test_situations_are_of_the_boxes_of_one_image() -> None:
    drain, inlet, whole, alone, other = situations(IMAGES, BOXES, OBJECTS)
    assert drain == Situation("bottom centre", "below", "inlet", ("inlet",))
    assert inlet == Situation("top centre", "above", "toe drain", ("toe drain",))
    assert whole == other == Situation()
    assert alone == Situation("top left")
    assert drain.in_context
    assert not alone.in_context


def test_a_box_of_unknown_type_is_no_neighbour() -> None:
    assert situations(IMAGES[:2], BOXES[:2], ["toe drain", None])[0] == Situation("bottom centre")


@pytest.mark.parametrize(
    ("scorer", "situation", "text"),
    [
        ("plain", Situation("bottom centre", "below", "inlet", ("inlet",)), "toe drain blocked"),
        ("spatial", Situation("bottom centre", "below", "inlet", ("inlet",)),
         "toe drain blocked at bottom centre, below an inlet"),
        ("spatial", Situation("bottom centre"), "toe drain blocked at bottom centre"),
        ("spatial", Situation(), "toe drain blocked"),
        ("neighbours", Situation("top left", "above", "tree", ("inlet", "rock", "tree")),
         "toe drain blocked with inlet, rock and tree"),
        ("neighbours", Situation("top left"), "toe drain blocked"),
    ],
)  # fmt: skip
def test_texts(scorer: str, situation: Situation, text: str) -> None:
    assert text_of(scorer, None, BLOCKED, situation) == text


def test_a_template_of_ones_own() -> None:
    situation = Situation("top left", "right of", "tree", ("tree",))
    template = "a {condition} {object} in the {position}{relation}"
    assert text_of("spatial", template, BLOCKED, situation) == "a blocked toe drain in the top left, right of a tree"


def test_every_class_has_a_text_in_every_situation() -> None:
    classes = {"x": BLOCKED, "y": ObjectCondition("toe drain", "normal")}
    made = situation_texts("spatial", None, ["x", "y", "z"], classes, [Situation("top left"), Situation()] * 2)
    assert made.codes.tolist() == [0, 1, 0, 1]
    assert made.texts[0] == ("toe drain blocked at top left", "toe drain normal at top left", None)


@pytest.mark.parametrize("scorer", ["plain", "spatial", "neighbours"])
def test_conditions_of_samples_leak_into_no_text(scorer: str) -> None:
    """Situations know boxes and types alone: whatever the conditions are, the texts of a sample are the same."""
    rng = np.random.default_rng(0)
    types = rng.choice(["toe drain", "rock toe"], 40).tolist()
    boxes = [Box(*rng.uniform(0, 0.5, 4).tolist()) for _ in types]
    images = rng.choice(["a", "b", "c"], 40).tolist()
    classes = {f"{kind} {condition}": ObjectCondition(kind, condition) for kind in set(types) for condition in "xyz"}
    names = sorted(classes)
    before = situation_texts(scorer, None, names, classes, situations(images, boxes, types))
    for condition in "xyz":
        for row, code in enumerate(before.codes.tolist()):
            at = names.index(f"{types[row]} {condition}")
            text = before.texts[code][at]
            assert text is not None
            assert text.startswith(f"{types[row]} {condition}")
            others = {other for other in "xyz" if other != condition}
            assert not others & set(text.removeprefix(f"{types[row]} ").split())
