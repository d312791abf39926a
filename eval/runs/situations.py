"""Reads the objects of an evaluation and their situations, and makes the texts of arms that depend on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.classification.condition_options import ConditionalConfig
from eval.classification.situations import (
    ObjectCondition,
    Situation,
    SituationTexts,
    situation_texts,
    situations,
)
from eval.prompts.embed import prompt_bank
from eval.prompts.sets import PromptSet
from eval.runs.reading import read_pool
from eval.scorers.situated import SITUATED, SituatedOptions
from eval.seams.scorer import SituatedTexts
from retrieval.errors import InputError
from retrieval.types import BOX_COLUMNS, Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eval.runs.arms import StoredArm
    from eval.seams.classification import ClassConfig
    from eval.seams.samples import Pool
    from eval.seams.scorer import Arm
    from retrieval.config import Config
    from retrieval.types import Int64
    from retrieval.types.store import EmbeddingStore, Snapshot

OBJECT, CONDITION = "meta_object", "meta_condition"
COLUMNS = ("id", "key", "source", "uri", "label", *BOX_COLUMNS, OBJECT, CONDITION)


class StoredBoxes(NamedTuple):
    """All samples of a store, ``pool``, with the image and the box of each; None for a whole image.

    ``rows`` (n,) are those of the samples of an evaluation.
    """

    pool: Pool
    images: list[str]
    boxes: list[Box | None]
    rows: Int64

    def situations(self, objects: Sequence[str | None]) -> tuple[Situation, ...]:
        """Return the situations (n,) of the evaluation's samples, where ``objects`` are the types of all samples."""
        everywhere = situations(self.images, self.boxes, objects)
        return tuple(everywhere[row] for row in self.rows.tolist())


class ObjectFacts(NamedTuple):
    """What is known of the objects of an evaluation beside their vectors.

    Attributes:
        classes: what each class of the label universe is, by name.
        samples: (n,) the situation of each sample, by annotated types.
        boxes: all boxes of the store, among which the neighbours are.
    """

    classes: Mapping[str, ObjectCondition]
    samples: tuple[Situation, ...]
    boxes: StoredBoxes


def needs_facts(config: ClassConfig, arms: Sequence[StoredArm], snapshot: Snapshot) -> bool:
    """Return whether an evaluation needs to know of objects: for the texts of an arm, or for sections of its result."""
    if any(arm.scorer in SITUATED for arm in arms):
        return True
    if not isinstance(config, ConditionalConfig):
        return False
    return config.targets is not None or {OBJECT, CONDITION} <= set(snapshot.column_names("samples"))


def require_objects(snapshot: Snapshot) -> None:
    """Check that samples have columns of object and condition.

    Raises:
        InputError: they have not.
    """
    stored = set(snapshot.column_names("samples"))
    lacking = [name.removeprefix("meta_") for name in (OBJECT, CONDITION) if name not in stored]
    if lacking:
        raise InputError(
            f"The samples have no column {' and no column '.join(lacking)}; index with the source yolo or coco, whose "
            "`class_map` says of which object and condition each class is."
        )


def object_facts(snapshot: Snapshot, pool: Pool) -> ObjectFacts:
    """Read what classes are, and the situation of each sample of a pool among all boxes of its image.

    Raises:
        InputError: the samples have no object and condition, or a class is of several.
    """
    require_objects(snapshot)
    everything = read_pool(snapshot, COLUMNS, None)
    columns = everything.columns
    boxes = [Box.of_columns(values) for values in zip(*(columns[name] for name in BOX_COLUMNS), strict=True)]
    images = [f"{source}\0{uri}" for source, uri in zip(columns["source"], columns["uri"], strict=True)]
    stored = StoredBoxes(everything, images, boxes, everything.rows(pool.ids))
    return ObjectFacts(object_classes(everything), stored.situations(columns[OBJECT].tolist()), stored)


def object_classes(pool: Pool) -> dict[str, ObjectCondition]:
    """Return what each class is, in the order of their names.

    Raises:
        InputError: samples of one class say different things.
    """
    said: dict[str, set[ObjectCondition]] = defaultdict(set)
    for label, kind, condition in zip(*(pool.columns[name] for name in ("label", OBJECT, CONDITION)), strict=True):
        if label is not None and kind is not None and condition is not None:
            said[label].add(ObjectCondition(kind, condition))
    for label, several in said.items():
        if len(several) > 1:
            (one, other, *_) = sorted(" ".join(entry) for entry in several)
            raise InputError(f"Class '{label}' is both {one} and {other} in the store; index with one `class_map`.")
    return {label: next(iter(said[label])) for label in sorted(said)}


def with_situated_texts(
    store: EmbeddingStore,
    arms: Sequence[StoredArm],
    classes: Sequence[str],
    facts: ObjectFacts | None,
    options: Mapping[str, Config],
    device: str,
    predicted: Mapping[str, Sequence[Situation]],
) -> tuple[tuple[StoredArm, ...], dict[str, SituationTexts]]:
    """Make the texts of the arms whose scorer depends on situations, and embed those that are not stored yet.

    Args:
        store: where banks are.
        arms: the arms.
        classes: names of the label universe.
        facts: the objects; None if no arm needs them.
        options: options of the scorers by arm.
        device: device of the text tower.
        predicted: situations (n,) by predicted types, of arms that have them; others have those of ``facts``.

    Returns:
        The arms with banks, and the texts by arm.
    """
    texts: dict[str, SituationTexts] = {}
    made = []
    for arm in arms:
        chosen = options[arm.name]
        if arm.scorer in SITUATED and facts is not None and isinstance(chosen, SituatedOptions):
            samples = predicted.get(arm.name, facts.samples)
            texts[arm.name] = situation_texts(arm.scorer, chosen.template, classes, facts.classes, samples)
            prompts = situated_prompts(arm.scorer, classes, texts[arm.name])
            arm = arm._replace(banks=(prompt_bank(store, arm.space, prompts, device),))  # noqa: PLW2901
        made.append(arm)
    return tuple(made), texts


def situated_prompts(name: str, classes: Sequence[str], made: SituationTexts) -> PromptSet:
    """Return all texts of all classes as a prompt set.

    Raises:
        InputError: no class has a text.
    """
    by_class: dict[str, dict[str, None]] = {label: {} for label in classes}
    for situation in made.texts:
        for label, text in zip(classes, situation, strict=True):
            if text is not None:
                by_class[label][text] = None
    if not any(by_class.values()):
        raise InputError(
            "None of the classes is an object in a condition; check `labels_from`, or index with a `class_map`."
        )
    return PromptSet.of(name, ((label, tuple(texts)) for label, texts in by_class.items()))


def situated_arm(arm: Arm, made: SituationTexts) -> Arm:
    """Add to an arm which text of its bank stands for a class in each situation."""
    (bank,) = arm.banks
    row_of = {text: row for row, text in enumerate(bank.texts or ())}
    rows = np.array([[-1 if text is None else row_of[text] for text in texts] for texts in made.texts], np.int64)
    return replace(arm, situated=SituatedTexts(made.codes, rows))
