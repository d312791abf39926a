"""Slices of objects by condition, type and situation: the answers to each, of one evaluation or of two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from eval.classification.condition_options import ConditionalConfig
    from eval.classification.figures import Tables
    from eval.classification.situations import ObjectCondition, Situation
    from eval.seams.classification import ClassArrays

    Masks = Mapping[str, NDArray[np.bool_]]

T = TypeVar("T")

OVERALL, SEVERAL, CONTEXT, RARE = (
    "all objects",
    "objects with several conditions",
    "objects beside others",
    "rare classes",
)
"""Names of slices; those of conditions and of objects are ``condition X`` and ``object X``."""

OTHER_TYPES = {"annotated": "all objects, type predicted", "predicted": "all objects, type annotated"}
"""By the option ``types``: the slice of all objects whose types have the other origin than those of the whole."""

SLICE_METRICS = ("top_1", "balanced_accuracy", "macro_f1")
"""Metrics of slices that have intervals and are compared; top-1 of a condition is its recall."""


def class_masks(arrays: ClassArrays, objects: Mapping[str, ObjectCondition], config: ConditionalConfig) -> Masks:
    """Say which classes (C,) each slice is of that is a set of classes.

    Args:
        arrays: the arrays of the mode, whose train samples say which classes are rare.
        objects: what each class is.
        config: options of the mode.
    """
    names = arrays.classes
    kinds = np.array([objects[name].object if name in objects else "" for name in names], np.object_)
    conditions = np.array([objects[name].condition if name in objects else "" for name in names], np.object_)
    several = np.array([len(set(conditions[kinds == kind])) > 1 for kind in kinds], np.bool_)
    masks: dict[str, NDArray[np.bool_]] = {OVERALL: np.ones(len(names), np.bool_), SEVERAL: several}
    masks |= {f"condition {name}": conditions == name for name in sorted({*conditions} - {""})}
    masks |= {f"object {name}": kinds == name for name in sorted({*kinds} - {""})}
    counts = np.zeros(len(names))
    for draw in arrays.draws:
        labels = draw.labels[draw.train]
        counts += np.bincount(labels[labels >= 0], minlength=len(names))
    return masks | {RARE: counts * config.rare < counts.max()}


def slices_of(tables: Tables, masks: Masks, samples: Sequence[Situation]) -> dict[str, Tables]:
    """Take the answers to the objects of each slice; without slices of which a draw has no object.

    Args:
        tables: answers with their true labels.
        masks: slices by class.
        samples: (n,) the situation of each sample.
    """
    slices = {
        name: _taken(tables, [[mask[table.labels] for table in seeds] for seeds in tables])
        for name, mask in masks.items()
    }
    slices[CONTEXT] = in_context(tables, samples)
    return {name: part for name, part in slices.items() if part is not None}


def beside_whole(slices: Mapping[str, T], name: str, part: T) -> dict[str, T]:
    """Add a slice behind the first, which is of all objects."""
    whole, *others = slices.items()
    return dict([whole, (name, part), *others])


def in_context(tables: Tables, samples: Sequence[Situation]) -> Tables | None:
    """Take the answers to objects beside others; None where a draw has none."""
    beside = np.array([situation.in_context for situation in samples], np.bool_)
    return _taken(tables, [[beside[table.rows] for table in seeds] for seeds in tables])


def _taken(tables: Tables, masks: Sequence[Sequence[NDArray[np.bool_]]]) -> Tables | None:
    if not all(mask.any() for seeds in masks for mask in seeds):
        return None
    return [
        [table.take(mask) for table, mask in zip(seeds, of_seeds, strict=True)]
        for seeds, of_seeds in zip(tables, masks, strict=True)
    ]
