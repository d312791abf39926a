"""Compare the classes of a prompt set with a label universe, and find texts that several classes share."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.prompts.sets import PromptSet
from retrieval.errors import suggest

EXAMPLES = 5
"""Names that a sentence lists."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How a prompt set covers a label universe.

    ``classes`` is the universe; ``without_prompt`` are its classes that have no text; ``without_class`` are classes of
    the prompt set that are not in it; ``shared`` maps texts of several classes of the universe to these classes.
    """

    classes: tuple[str, ...]
    without_prompt: tuple[str, ...]
    without_class: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]


def coverage(prompts: PromptSet, classes: Sequence[str]) -> Coverage:
    """Compare a prompt set with the classes of a label universe.

    Names are compared exactly; :func:`match_names` matches those that differ in spelling.
    """
    with_prompt, universe = set(prompts.classes), set(classes)
    inside = PromptSet(prompts.name, {label: texts for label, texts in prompts.prompts.items() if label in universe})
    return Coverage(
        classes=tuple(classes),
        without_prompt=tuple(label for label in classes if label not in with_prompt),
        without_class=tuple(label for label in prompts.classes if label not in universe),
        shared=inside.shared(),
    )


def readable_name(name: str) -> str:
    """Write a class name as in a text: underscores are spaces, and spaces are single."""
    return " ".join(name.replace("_", " ").split())


def name_form(name: str) -> str:
    """Normalise a name for comparison: composed characters (NFKC), no case, underscores as spaces."""
    return readable_name(unicodedata.normalize("NFKC", name)).casefold()


def match_names(names: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Match names to the classes that they differ from only in spelling (:func:`name_form`).

    Args:
        names: names of classes in a prompt set or in a table of attributes.
        classes: the label universe.

    Returns:
        Name -> class, for the names that are not classes and whose form exactly one name and one class have.
    """
    names_of_form = Counter(map(name_form, names))
    classes_of_form = Counter(map(name_form, classes))
    class_of_form = {name_form(label): label for label in classes}
    matched = {}
    for name in (name for name in names if name not in set(classes)):
        form = name_form(name)
        if names_of_form[form] == 1 and classes_of_form[form] == 1:
            matched[name] = class_of_form[form]
    return matched


def renaming_note(matched: Mapping[str, str]) -> str:
    """Describe how many names were matched to classes of another spelling, with an example."""
    first = next(iter(matched.items()))
    names = plural(len(matched), "class", "classes")
    return f"{names} of the prompts matched to labels of another spelling: '{first[0]}' to '{first[1]}'."


def warnings(cover: Coverage) -> list[str]:
    """Sentences about classes without prompts, prompts without a class, and shared texts, in this order."""
    sentences = []
    if cover.without_prompt:
        sentences.append(
            f"Of {len(cover.classes)} classes, {len(cover.without_prompt)} without a prompt can never be answered: "
            f"{name_list(cover.without_prompt)}.{_suggestion(cover.without_prompt, cover.without_class)}"
        )
    if cover.without_class:
        sentences.append(
            f"Prompts of {plural(len(cover.without_class), 'class', 'classes')} take no part, as no label is called "
            f"so: {name_list(cover.without_class)}.{_suggestion(cover.without_class, cover.classes)}"
        )
    if cover.shared:
        text, labels = max(cover.shared.items(), key=lambda item: len(item[1]))
        uses = sum(map(len, cover.shared.values()))
        sentences.append(
            f"{plural(len(cover.shared), 'text', 'texts')} shared by several classes ({uses:,} uses) cannot tell them "
            f"apart; '{text}' serves {len(labels)}."
        )
    return sentences


def plural(n: int, one: str, many: str) -> str:
    """Write a count and its noun."""
    return f"{n:,} {one if n == 1 else many}"


def name_list(names: Sequence[str]) -> str:
    """Write the first few names and how many more there are."""
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _suggestion(names: Sequence[str], others: Sequence[str]) -> str:
    """A sentence that suggests one of ``others`` for the first name that has a similar one, else an empty text."""
    forms = {name_form(other): other for other in others}
    for name in names[:EXAMPLES]:
        match = forms.get(name_form(name))
        if match is not None:
            return f" '{name}' may be '{match}'."
        if hint := suggest(name, others):
            return f" '{name}':{hint}"
    return ""
