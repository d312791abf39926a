"""Make prompts by filling templates with class names and attributes.

A template has fields in braces: ``{name}`` (or ``{}``) is the name of the class, any other field an attribute, as in
``a photo of a {colour} {name}, a mushroom with a {cap} cap``. An attribute with several values makes several prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from eval.prompts.attributes import Attributes
from eval.prompts.check import match_names, readable_name
from eval.prompts.sets import PromptSet
from retrieval.errors import InputError, suggest
from retrieval.text_files import read_json, read_text

NAME = "name"
_FIELD = re.compile(r"\{([^{}]*)\}")


class SkippedTemplate(NamedTuple):
    """A template that was not filled for ``classes``, because they lack one of its attributes."""

    template: str
    classes: tuple[str, ...]


class GeneratedPrompts(NamedTuple):
    """The prompts; ``skipped`` templates, most classes first; ``unused``, names in the table that are not classes."""

    prompts: PromptSet
    skipped: tuple[SkippedTemplate, ...]
    unused: tuple[str, ...]


def from_templates(
    classes: Sequence[str], templates: Sequence[str], attributes: Attributes | None = None, name: str = "prompts"
) -> GeneratedPrompts:
    """Fill every template for every class, except for classes that lack one of its attributes.

    Args:
        classes: names of classes; underscores become spaces in the texts.
        templates: texts with fields in braces.
        attributes: values by class and attribute; names that differ from a class in spelling only mean that class.
        name: name of the prompt set.

    Raises:
        InputError: there is no class or no template, a template has no field, unmatched braces or a field that is not
            an attribute of any class, or no template can be filled.
    """
    if not classes or not templates:
        raise InputError("Prompts need names of classes and at least one template.")
    table = _by_class(classes, attributes or {})
    attribute_names = sorted({attribute for values in table.values() for attribute in values} - {NAME, ""})
    fields = {template: _fields(template, attribute_names) for template in templates}
    missing: dict[str, list[str]] = {template: [] for template in templates}
    pairs: list[tuple[str, list[str]]] = [(label, []) for label in classes]
    for label in classes:
        values = {**table.get(label, {}), NAME: (readable_name(label),)}
        for template, names in fields.items():
            if all(field in values for field in names):
                pairs.append((label, list(_filled(template, {field: values[field] for field in names}))))
            else:
                missing[template].append(label)
    if all(len(lacking) == len(classes) for lacking in missing.values()):
        raise InputError(f"No class has the attributes that the templates ask for; {len(table)} others have some.")
    skipped = [SkippedTemplate(template, tuple(labels)) for template, labels in missing.items() if labels]
    return GeneratedPrompts(
        PromptSet.of(name, pairs),
        tuple(sorted(skipped, key=lambda skip: -len(skip.classes))),
        tuple(label for label in table if label not in set(classes)),
    )


def read_templates(path: Path) -> tuple[str, ...]:
    """Read a JSON list of templates, or a text file with one template per line; empty lines are skipped.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file has no template.
    """
    if path.suffix.lower() == ".json":
        content = read_json(path, "a list of templates")
        if not isinstance(content, list) or not all(isinstance(item, str) for item in content):
            raise InputError(f"{path} is not a list of templates in JSON, which are texts with {{name}} in them.")
    else:
        content = read_text(path).splitlines()
    templates = tuple(dict.fromkeys(line.strip() for line in content if line.strip()))
    if not templates:
        raise InputError(f"{path} has no template.")
    return templates


def _by_class(classes: Sequence[str], attributes: Attributes) -> Attributes:
    """Rename the rows of a table of attributes to the classes that their names match."""
    matched = match_names(tuple(attributes), classes)
    return {matched.get(label, label): values for label, values in attributes.items()}


def _fields(template: str, attributes: Sequence[str]) -> tuple[str, ...]:
    """The fields of a template, each once; InputError where one is not in ``attributes``."""
    fields = tuple(dict.fromkeys(field.strip() or NAME for field in _FIELD.findall(template)))
    if not fields or set(_FIELD.sub("", template)) & set("{}"):
        raise InputError(f"Template '{template}' has no field such as {{name}}, or a brace that belongs to none.")
    names = [NAME, *attributes]
    for field in fields:
        if field not in names:
            way_out = f"There is: {', '.join(names)}." if attributes else "Give `attributes` for more than {name}."
            hint = suggest(field, names)
            raise InputError(f"Template '{template}': no class has an attribute '{field}'.{hint} {way_out}")
    return fields


def _filled(template: str, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Fill a template with every combination of the values of its fields."""
    for combination in product(*values.values()):
        value_of = dict(zip(values, combination, strict=True))
        yield _FIELD.sub(lambda field: value_of[field[1].strip() or NAME], template)  # noqa: B023 - used at once
