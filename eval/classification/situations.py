"""The situation of an object in its image, and the texts of classes that tell of it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.scorers.situated import TEMPLATES
from retrieval.layout import nearest, position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.layout import Relation
    from retrieval.types import Box, Int64


class Situation(NamedTuple):
    """Where an object lies, and what lies beside it; nothing of any condition.

    ``position`` is None for a sample without a box; ``relation`` and ``neighbour``, the type of the nearest other
    object of the image, and ``others``, the types of all of them, are empty for an object alone.
    """

    position: str | None = None
    relation: Relation | None = None
    neighbour: str | None = None
    others: tuple[str, ...] = ()

    @property
    def in_context(self) -> bool:
        """Whether there is another object in the image."""
        return bool(self.others)


class ObjectCondition(NamedTuple):
    """What a class is: an object in a condition."""

    object: str
    condition: str


def situations(
    images: Sequence[str], boxes: Sequence[Box | None], objects: Sequence[str | None]
) -> tuple[Situation, ...]:
    """Find the situation of every sample.

    Args:
        images: (n,) the image of each sample.
        boxes: (n,) its box, None for a whole image.
        objects: (n,) the type of the object, annotated or predicted; None where unknown. Such a sample is no neighbour.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, (image, box) in enumerate(zip(images, boxes, strict=True)):
        if box is not None:
            rows_of[image].append(row)
    result = [Situation()] * len(images)
    for rows in rows_of.values():
        for row in rows:
            result[row] = _situation(row, rows, boxes, objects)
    return tuple(result)


def _situation(row: int, rows: Sequence[int], boxes: Sequence[Box | None], objects: Sequence[str | None]) -> Situation:
    box = boxes[row]
    assert box is not None  # noqa: S101 - rows are of samples with a box
    others = [other for other in rows if other != row and objects[other] is not None]
    types = tuple(sorted({str(objects[other]) for other in others}))
    near = nearest([box, *(boxes[other] or box for other in others)], 0)
    if near is None:
        return Situation(position(box))
    return Situation(position(box), near.relation, objects[others[near.row - 1]], types)


def text_of(scorer: str, template: str | None, one: ObjectCondition, situation: Situation) -> str:
    """Write the text of a class in a situation.

    Args:
        scorer: a name of :data:`eval.scorers.situated.SITUATED`.
        template: the text with fields; None for the scorer's own.
        one: the class.
        situation: the situation of the sample.
    """
    lacks_context = {"plain": False, "spatial": situation.position is None, "neighbours": not situation.others}
    chosen = TEMPLATES["plain"] if lacks_context[scorer] else template or TEMPLATES[scorer]
    return chosen.format(
        object=one.object,
        condition=one.condition,
        position=situation.position or "",
        relation=_relation_words(situation),
        others=_listed(situation.others),
    )


def _relation_words(situation: Situation) -> str:
    if situation.relation is None or situation.neighbour is None:
        return ""
    return f", {situation.relation} {_article(situation.neighbour)} {situation.neighbour}"


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def _listed(names: Sequence[str]) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last


class SituationTexts(NamedTuple):
    """All texts of an arm: ``codes`` (n,) of samples, and the text of a class in a situation: (situations)(C) texts.

    A text is None for a class that is no object in a condition.
    """

    codes: Int64
    texts: tuple[tuple[str | None, ...], ...]


def situation_texts(
    scorer: str,
    template: str | None,
    classes: Sequence[str],
    objects: Mapping[str, ObjectCondition],
    samples: Sequence[Situation],
) -> SituationTexts:
    """Write the texts of all classes in all situations.

    Args:
        scorer: a name of :data:`eval.scorers.situated.SITUATED`.
        template: the text with fields; None for the scorer's own.
        classes: (C,) names of the label universe.
        objects: what each class is.
        samples: (n,) the situation of each sample.
    """
    listed = list(dict.fromkeys(samples))
    code_of = {situation: code for code, situation in enumerate(listed)}
    texts = tuple(
        tuple(text_of(scorer, template, objects[name], situation) if name in objects else None for name in classes)
        for situation in listed
    )
    return SituationTexts(np.array([code_of[situation] for situation in samples], np.int64), texts)
