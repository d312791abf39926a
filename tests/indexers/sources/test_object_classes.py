from pathlib import Path

import pytest

from indexers.sources.object_classes import ObjectClass, classes_note, guess_classes, read_classes
from retrieval.errors import InputError, VitrineError

DRAINS = (
    "Toe drain",
    "Toe drain- Blocked",
    "Toe drain- Damaged",
    "rock toe",
    "rock toe damaged",
    "slope drain",
    "slope drain blocked",
    "slope drain damaged",
    "vegetation",
)


def test_the_nine_classes_of_drains() -> None:
    classes = guess_classes(DRAINS)
    assert classes["Toe drain- Blocked"] == ObjectClass("toe drain", "blocked")
    assert classes["Toe drain"] == ObjectClass("toe drain", "normal")
    assert classes["rock toe damaged"] == ObjectClass("rock toe", "damaged")
    assert classes["vegetation"] == ObjectClass("vegetation", "normal")
    assert len(classes) == 9
    assert "slope drain: blocked, damaged, normal" in classes_note(classes, guessed=True)


@pytest.mark.parametrize(
    "names", [["rock_toe", "slope_drain"], ["bus", "bus stop"], ["damaged", "damaged car"], ["truck damaged", "car"]]
)
def test_names_that_say_no_condition_are_left_alone(names: list[str]) -> None:
    assert guess_classes(names) == {}


def test_a_file_says_what_classes_are(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text("a1: {object: pump, condition: rusty}\nb: valve\n")
    assert read_classes(path, ["a1", "b"]) == {"a1": ObjectClass("pump", "rusty"), "b": ObjectClass("valve", "normal")}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: {object: x}\nbb: y\n", "no class 'bb'.*Did you mean"),
        ("a: x\n", "does not say what b are"),
        ("a: {objekt: x}\nb: y\n", "a: option 'object' is needed"),
        ("a: {object: x, colour: red}\nb: y\n", "colour"),
        ("- a\n", "maps no classes"),
    ],
)
def test_a_file_of_other_classes_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(VitrineError, match=reason):
        read_classes(path, ["a", "b"])
    with pytest.raises(InputError):
        read_classes(path, ["a", "b"])
