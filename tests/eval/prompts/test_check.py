from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.prompts.check import coverage, match_names, name_form, renaming_note, warnings
from eval.prompts.sets import PromptSet, read_prompts
from tests.support.shared_data import SHARED, needs_shared


def prompts(**texts: list[str]) -> PromptSet:
    return PromptSet.of("set", texts.items())


def test_coverage_of_classes_and_of_shared_texts_inside_the_universe() -> None:
    found = coverage(prompts(a=["x", "y"], b=["x"], c=["y"], d=[]), ["a", "b", "d", "e"])
    assert found.without_prompt == ("d", "e")
    assert found.without_class == ("c",)
    assert found.shared == {"x": ("a", "b")}


def test_warnings_name_counts_examples_and_near_names() -> None:
    found = PromptSet.of("set", [("Amanita_muscaria", ["x"]), ("Boletus edulsi", ["x"]), ("Imleria badia", ["x", "y"])])
    said = warnings(coverage(found, ["Amanita muscaria", "Boletus edulis", "Imleria badia", *"pqrstu"]))
    assert len(said) == 2
    assert "Of 9 classes, 8 without a prompt" in said[0]
    assert "Amanita muscaria, Boletus edulis, p, q, r and 3 more." in said[0]
    assert "'Amanita muscaria' may be 'Amanita_muscaria'" in said[0]
    assert "2 classes take no part" in said[1]
    assert warnings(coverage(found, found.classes)) == [
        "1 text shared by several classes (3 uses) cannot tell them apart; 'x' serves 3."
    ]
    near = warnings(coverage(prompts(edulsi=["x"]), ["edulis", "z"]))
    assert "'edulis': Did you mean 'edulsi'?" in near[0]
    assert "Prompts of 1 class take no part" in near[1]


def test_no_warnings_where_all_fits() -> None:
    assert warnings(coverage(prompts(a=["x"], b=["y"]), ["b", "a"])) == []


def test_names_match_but_for_their_writing() -> None:
    names = ["amanita_MUSCARIA", "  Boletus   edulis ", "e\u0301cu", "Imleria badia", "nothing"]
    found = match_names(names, ["Amanita muscaria", "Boletus edulis", "\u00e9cu", "Imleria badia"])
    assert found == {names[0]: "Amanita muscaria", names[1]: "Boletus edulis", names[2]: "\u00e9cu"}
    assert "3 classes" in renaming_note(found)
    assert "'amanita_MUSCARIA' to 'Amanita muscaria'" in renaming_note(found)


def test_names_that_may_mean_two_things_are_left_alone() -> None:
    assert match_names(["A b"], ["a_b", "a b"]) == {}
    assert match_names(["A b", "a_b"], ["a b"]) == {}
    assert match_names(["A b", "a b"], ["a b"]) == {}


@given(st.lists(st.text("aA_ b"), unique=True), st.lists(st.text("aA_ b"), unique=True))
def test_matching_is_one_to_one_onto_classes_that_are_not_named(names: list[str], classes: list[str]) -> None:
    found = match_names(names, classes)
    assert len(set(found.values())) == len(found)
    assert set(found.values()) <= set(classes) - set(names)
    assert all(name_form(name) == name_form(label) for name, label in found.items())


@needs_shared
def test_the_mushroom_prompts_cover_their_labels() -> None:
    folder = SHARED / "mushroom"
    labels = [line.split("\t")[1] for line in (folder / "labels.tsv").read_text().splitlines()]
    delta = read_prompts(folder / "delta_prompts.json")
    said = warnings(coverage(delta, labels))
    assert len(said) == 1
    assert "19 texts shared by several classes (1,761 uses)" in said[0]
    lower = delta.renamed({label: label.lower().replace(" ", "_") for label in labels})
    assert lower.renamed(match_names(lower.classes, labels)).prompts == delta.prompts
