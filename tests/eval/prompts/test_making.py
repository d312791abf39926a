from __future__ import annotations

from pathlib import Path

import pytest

from eval.prompts.attributes import Attributes
from eval.prompts.making import SkippedTemplate, from_templates, read_templates
from retrieval.errors import InputError, MissingFileError

TABLE: Attributes = {
    "Amanita muscaria": {"colour": ("red", "orange"), "habitat": ("birch wood",)},
    "boletus_edulis": {"colour": ("brown",)},
    "Nobody": {"colour": ("blue",)},
}


CLASSES = ("Amanita_muscaria", "Boletus edulis", "Imleria badia")


def test_templates_by_attributes() -> None:
    made = from_templates(CLASSES, ["a {colour} {name}", "{} in {habitat}, {colour}", "photo of {name}"], TABLE, "set")
    assert made.prompts.name == "set"
    assert made.prompts.prompts == {
        "Amanita_muscaria": (
            "a red Amanita muscaria",
            "a orange Amanita muscaria",
            "Amanita muscaria in birch wood, red",
            "Amanita muscaria in birch wood, orange",
            "photo of Amanita muscaria",
        ),
        "Boletus edulis": ("a brown Boletus edulis", "photo of Boletus edulis"),
        "Imleria badia": ("photo of Imleria badia",),
    }
    assert made.skipped == (
        SkippedTemplate("{} in {habitat}, {colour}", ("Boletus edulis", "Imleria badia")),
        SkippedTemplate("a {colour} {name}", ("Imleria badia",)),
    )
    assert made.unused == ("Nobody",)


def test_a_class_may_be_left_without_a_prompt_and_a_template_without_a_name() -> None:
    made = from_templates(CLASSES, ["a {colour} thing"], TABLE)
    assert made.prompts.classes == ("Amanita_muscaria", "Boletus edulis")
    assert made.prompts.prompts["Imleria badia"] == ()


def test_values_are_not_templates() -> None:
    made = from_templates(["a{b}c"], ["{name} {x}"], {"a{b}c": {"x": ("{name}",)}})
    assert made.prompts.prompts == {"a{b}c": ("a{b}c {name}",)}


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("a photo", "has no field"),
        ("a {name", "brace that belongs to none"),
        ("a {{name}}", "brace that belongs to none"),
        ("a {color} {name}", "Did you mean 'colour'? There is: name, colour, habitat"),
    ],
)
def test_templates_that_cannot_be_filled(template: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        from_templates(CLASSES, [template], TABLE)
    assert says in str(error.value)


def test_nothing_to_fill() -> None:
    with pytest.raises(InputError, match="No class has the attributes"):
        from_templates(["Imleria badia"], ["a {colour} {name}"], TABLE)


def test_without_attributes_names_or_templates() -> None:
    with pytest.raises(InputError, match="Give `attributes`"):
        from_templates(CLASSES, ["{colour} {name}"])
    for classes, templates in (((), ["{}"]), (CLASSES, [])):
        with pytest.raises(InputError, match="at least one template"):
            from_templates(classes, templates)


def test_templates_from_files(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a {name}\n\n  the {}\na {name}\n")
    (tmp_path / "t.json").write_text('["a {name}", "the {}"]')
    assert read_templates(tmp_path / "t.txt") == read_templates(tmp_path / "t.json") == ("a {name}", "the {}")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "wrong.json").write_text('{"a": "b"}')
    for name, says in (("empty.txt", "no template"), ("wrong.json", "not a list of templates")):
        with pytest.raises(InputError, match=says):
            read_templates(tmp_path / name)
    with pytest.raises(MissingFileError):
        read_templates(tmp_path / "none.txt")
