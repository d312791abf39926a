"""Do a prompt set and a label universe speak of the same classes, and can the texts tell them apart."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.prompts.sets import PromptSet
from retrieval.errors import suggest

EXAMPLES = 5
"""Names that a sentence gives."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """A prompt set beside a label universe.

    ``classes`` the universe; ``without_prompt`` its classes that have no text; ``without_class`` classes of the set
    that are not in it; ``shared`` texts of several classes of the universe, to these classes.
    """

    classes: tuple[str, ...]
    without_prompt: tuple[str, ...]
    without_class: tuple[str, ...]
    shared: Mapping[str, tuple[str, ...]]


def coverage(prompts: PromptSet, classes: Sequence[str]) -> Coverage:
    """Compare names exactly; see :func:`match_names` for those that differ in writing alone."""
    have, universe = set(prompts.classes), set(classes)
    inside = PromptSet(prompts.name, {label: own for label, own in prompts.prompts.items() if label in universe})
    return Coverage(
        classes=tuple(classes),
        without_prompt=tuple(label for label in classes if label not in have),
        without_class=tuple(label for label in prompts.classes if label not in universe),
        shared=inside.shared(),
    )


def spoken(name: str) -> str:
    """A class name as a text has it: ``_`` is a space, spaces are single."""
    return " ".join(name.replace("_", " ").split())


def name_form(name: str) -> str:
    """What is left of a name without its writing: composed characters (NFKC), no case, ``_`` a space."""
    return spoken(unicodedata.normalize("NFKC", name)).casefold()


def match_names(names: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Find what names mean that are not classes, but differ from one in writing alone (:func:`name_form`).

    Args:
        names: such as those of a prompt set or of a table of attributes.
        classes: the label universe.

    Returns:
        Name to class, for names of which nothing else can be meant: no two names and no two classes have one form,
        and the class is not among the names itself.
    """
    told = Counter(map(name_form, names))
    forms = Counter(map(name_form, classes))
    class_of = {name_form(label): label for label in classes}
    known = set(classes)
    unknown = [name for name in names if name not in known]
    return {name: class_of[form] for name in unknown if told[form := name_form(name)] == 1 and forms[form] == 1}


def renaming_note(matched: Mapping[str, str]) -> str:
    """A sentence that says which names were taken for which classes."""
    first = next(iter(matched.items()))
    names = plural(len(matched), "class", "classes")
    return f"{names} of the prompts taken for labels that are written otherwise: '{first[0]}' for '{first[1]}'."


def warnings(found: Coverage) -> list[str]:
    """Sentences about what does not fit, worst first; none where all fits."""
    said = []
    if found.without_prompt:
        said.append(
            f"Of {len(found.classes)} classes, {len(found.without_prompt)} without a prompt can never be answered: "
            f"{listed(found.without_prompt)}.{_near(found.without_prompt, found.without_class)}"
        )
    if found.without_class:
        said.append(
            f"Prompts of {plural(len(found.without_class), 'class', 'classes')} take no part, as no label is called "
            f"so: {listed(found.without_class)}.{_near(found.without_class, found.classes)}"
        )
    if found.shared:
        text, labels = max(found.shared.items(), key=lambda item: len(item[1]))
        uses = sum(map(len, found.shared.values()))
        said.append(
            f"{plural(len(found.shared), 'text', 'texts')} shared by several classes ({uses:,} uses) cannot tell them "
            f"apart; '{text}' serves {len(labels)}."
        )
    return said


def plural(n: int, one: str, many: str) -> str:
    """A count and its noun."""
    return f"{n:,} {one if n == 1 else many}"


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return ", ".join(names[:EXAMPLES]) + more


def _near(names: Sequence[str], others: Sequence[str]) -> str:
    """A suggestion for the first of the names that has one."""
    forms = {name_form(other): other for other in others}
    for name in names[:EXAMPLES]:
        near = forms.get(name_form(name))
        if near is not None:
            return f" '{name}' may be '{near}'."
        if hint := suggest(name, others):
            return f" '{name}':{hint}"
    return ""
