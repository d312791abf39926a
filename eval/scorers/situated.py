"""Scorers of prompts that are made of what is known of an object: ``plain``, ``spatial`` and ``neighbours``.

Every class is an object in a condition. The text of a class says its object and condition; that of ``spatial`` also
where the box of the sample lies and how it lies to its nearest neighbour, that of ``neighbours`` which other objects
the image shows. Nothing in a text depends on the condition of the sample, nor of its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Formatter
from typing import Annotated, cast

import numpy as np
from pydantic import AfterValidator, Field

from eval.scorers.banks import require_bank
from eval.scorers.prompts import ClassTemperature, score_factor
from eval.seams.scorer import Arm, ScorerTask, Setting
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Float32

SITUATED = ("plain", "spatial", "neighbours")
"""Names of the scorers of this module."""

TEMPLATES = {
    "plain": "{object} {condition}",
    "spatial": "{object} {condition} at {position}{relation}",
    "neighbours": "{object} {condition} with {others}",
}
"""The default template of each; where a sample has no box, or no neighbour to tell of, that of ``plain`` is taken."""

FIELDS = ("object", "condition", "position", "relation", "others")


def _template(text: str) -> str:
    """Check the fields of a template.

    Raises:
        ValueError: it has a field that does not exist, or lacks the condition.
    """
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"the template cannot be read ({error})") from None
    if strange := sorted(names - set(FIELDS)):
        raise ValueError(f"there is no field {{{strange[0]}}}; fields are {', '.join(FIELDS)}")
    if "condition" not in names:
        raise ValueError("the template needs {condition}, or all conditions have one text")
    return text


Template = Annotated[str, AfterValidator(_template)]


class SituatedOptions(Config):
    """Options of ``plain``, ``spatial`` and ``neighbours``."""

    template: Template | None = Field(
        default=None,
        description="Text of a class, with {object}, {condition}, {position}, {relation} (as in ', above a rock toe') "
        "and {others}. Without it, the scorer's own.",
    )
    class_temperature: ClassTemperature = Field(
        default="encoder",
        description="Divisor of the cosines before the softmax over classes. encoder is 1 / the encoder's logit scale.",
    )


class SituatedScorer:
    """A scorer of :data:`SITUATED`: the logit of a class is the cosine with its text, over the class temperature."""

    config_type = SituatedOptions
    learns = False
    needs_bank = True
    takes_texts = False

    def __init__(self, name: str) -> None:
        self.name = name

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """One setting per bank; there is one."""
        require_bank(arm, "texts; name the columns of object and condition")
        return tuple({"bank": bank.name} for bank in arm.banks)

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Score with the text of each class in the situation of the query.

        Raises:
            InputError: the situations of the queries are not known, or a query has no text of any class.
        """
        situated = arm.situated
        if situated is None or task.rows is None:
            raise InputError(f"Arm '{arm.name}' has texts for samples of a store only; search with prompts instead.")
        texts = situated.texts[situated.codes[task.rows]]
        if not (texts >= 0).any(axis=1).all():
            raise InputError(f"Arm '{arm.name}' has no text of any class for a sample.")
        scale = np.float32(score_factor(arm, cast("SituatedOptions", arm.options).class_temperature))
        for setting in settings:
            cosines = task.queries @ arm.bank(str(setting["bank"])).vectors.T
            chosen = np.take_along_axis(cosines, np.maximum(texts, 0), axis=1) * scale
            yield np.where(texts >= 0, chosen, np.float32(-np.inf)).astype(np.float32)


PLAIN, SPATIAL, NEIGHBOURS = map(SituatedScorer, SITUATED)
