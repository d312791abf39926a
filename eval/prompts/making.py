"""Making prompts: templates, filled with names and attributes.

A template has fields between braces: ``{name}`` (or ``{}``) is the class, any other an attribute of it, as in
``a photo of a {colour} {name}, a mushroom with a {cap} cap``. Several values of an attribute make several prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from eval.prompts.attributes import Attributes
from eval.prompts.check import match_names, spoken
from eval.prompts.sets import PromptSet
from retrieval.errors import InputError, suggest
from retrieval.text_files import read_json, read_text

NAME = "name"
_FIELD = re.compile(r"\{([^{}]*)\}")


class SkippedTemplate(NamedTuple):
    """A template that was not filled for ``classes``, as they lack one of its attributes."""

    template: str
    classes: tuple[str, ...]


class GeneratedPrompts(NamedTuple):
    """Prompts of all classes; ``skipped`` templates, most classes first; ``unused`` rows of the attributes' table."""

    prompts: PromptSet
    skipped: tuple[SkippedTemplate, ...]
    unused: tuple[str, ...]


def from_templates(
    classes: Sequence[str], templates: Sequence[str], attributes: Attributes | None = None, name: str = "prompts"
) -> GeneratedPrompts:
    """Fill every template for every class; a template that asks for an attribute that a class lacks is skipped.

    Args:
        classes: names of classes; ``_`` is written as a space.
        templates: with fields between braces.
        attributes: by class; names that differ in writing alone are taken for the class.
        name: of the set.

    Raises:
        InputError: there is no class or no template, a template has no field or braces that are none, or a field that
            is no attribute of any class, or nothing can be filled.
    """
    if not classes or not templates:
        raise InputError("Prompts need names of classes and at least one template.")
    table = _by_class(classes, attributes or {})
    known = sorted({attribute for own in table.values() for attribute in own} - {NAME, ""})
    fields = {template: _fields(template, known) for template in templates}
    missing: dict[str, list[str]] = {template: [] for template in templates}
    pairs: list[tuple[str, list[str]]] = [(label, []) for label in classes]
    for label in classes:
        values = {**table.get(label, {}), NAME: (spoken(label),)}
        for template, asked in fields.items():
            if all(field in values for field in asked):
                pairs.append((label, list(_filled(template, {field: values[field] for field in asked}))))
            else:
                missing[template].append(label)
    if all(len(lacking) == len(classes) for lacking in missing.values()):
        raise InputError(f"No class has the attributes that the templates ask for; {len(table)} others have some.")
    skipped = [SkippedTemplate(template, tuple(labels)) for template, labels in missing.items() if labels]
    return GeneratedPrompts(
        PromptSet.of(name, pairs),
        tuple(sorted(skipped, key=lambda one: -len(one.classes))),
        tuple(label for label in table if label not in set(classes)),
    )


def read_templates(path: Path) -> tuple[str, ...]:
    """Read a JSON list of templates, or a text file with one a line; empty lines are passed over.

    Raises:
        MissingFileError: there is no such file.
        InputError: there is no template in it.
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
    taken = match_names(tuple(attributes), classes)
    return {taken.get(label, label): own for label, own in attributes.items()}


def _fields(template: str, known: Sequence[str]) -> tuple[str, ...]:
    """The fields of a template, each once."""
    found = tuple(dict.fromkeys(field.strip() or NAME for field in _FIELD.findall(template)))
    if not found or set(_FIELD.sub("", template)) & set("{}"):
        raise InputError(f"Template '{template}' has no field such as {{name}}, or a brace that belongs to none.")
    for field in found:
        if field not in {NAME, *known}:
            there = f" There is: {', '.join([NAME, *known])}." if known else " Give `attributes` for more than {name}."
            raise InputError(
                f"Template '{template}': no class has an attribute '{field}'.{suggest(field, [NAME, *known])}{there}"
            )
    return found


def _filled(template: str, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for chosen in product(*values.values()):
        given = dict(zip(values, chosen, strict=True))
        yield _FIELD.sub(lambda field: given[field[1].strip() or NAME], template)  # noqa: B023 - used at once
