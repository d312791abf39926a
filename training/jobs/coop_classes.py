"""The classes of the job ``coop``: which are trained on, and which texts stand for them in prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eval.classification.universe import match_names
from eval.prompts.check import readable_name
from eval.prompts.sets import read_prompts
from retrieval.config import split_commas
from retrieval.errors import InputError, first_names, unknown
from retrieval.labels import read_class_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.types import Int64
    from training.data.training_data import TrainingData
    from training.jobs.coop_recipe import CoopRecipe

HALF = "half"


@dataclass(frozen=True, slots=True)
class PromptedClasses:
    """C classes, those that are trained on first, and their m texts.

    Attributes:
        names: (C,) names.
        trained: number of classes that are trained on.
        texts: (m,) texts that stand for the classes.
        owner: (m,) index of the class of every text, ascending.
        code: (classes of the data,) index into ``names``.
    """

    names: tuple[str, ...]
    trained: int
    texts: tuple[str, ...]
    owner: Int64
    code: Int64

    @property
    def trained_texts(self) -> int:
        """Number of texts of the classes that are trained on; they come first."""
        return int((self.owner < self.trained).sum())


def prompted_classes(recipe: CoopRecipe, data: TrainingData) -> PromptedClasses:
    """Find the classes and their texts.

    With texts, the classes are those of the data and of the texts; without, those of the data.

    Raises:
        UnknownNameError: there are no such texts, or ``base_classes`` names no class of the data.
        InputError: a class has no text, or there are no two classes to train on.
        MissingFileError: a file does not exist.
    """
    texts = None if recipe.texts is None else _texts(recipe.texts, data)
    others = [] if texts is None else sorted(set(texts) - set(data.classes))
    base = _base(recipe.base_classes, data.classes)
    if len(base) < 2:
        raise InputError(f"There is one class to train on ({base[0]}), so there is nothing to learn; train on more.")
    new = [name for name in (*data.classes, *others) if name not in set(base)]
    if recipe.context.kind == "class":
        if recipe.base_classes is not None:
            raise InputError(
                "A context for each class gives no prompts for classes that are not trained on; train base_classes "
                "with `context.kind=shared`."
            )
        new = []
    names = (*base, *new)
    of_class = texts or {name: (readable_name(name),) for name in names}
    if missing := [name for name in names if not of_class.get(name)]:
        raise InputError(
            f"{recipe.texts} has no text for {len(missing)} of {len(names)} classes ({first_names(missing, 3)}); add "
            "them, or leave `texts` out."
        )
    pairs = [(text, at) for at, name in enumerate(names) for text in of_class[name]]
    index = {name: at for at, name in enumerate(names)}
    return PromptedClasses(
        names,
        len(base),
        tuple(text for text, _ in pairs),
        np.array([at for _, at in pairs], np.int64),
        np.array([index.get(name, -1) for name in data.classes], np.int64),
    )


def _texts(source: str, data: TrainingData) -> Mapping[str, tuple[str, ...]]:
    """Texts by class, from a prompt file or a bank; names of classes are spelled as those of the data."""
    if Path(source).exists():
        given = dict(read_prompts(Path(source)).prompts)
    else:
        banks = {bank.name: bank for bank in data.banks if bank.texts is not None and bank.kind == "prompts"}
        if source not in banks:
            kind = "prompt file, or bank of prompts of the space," if banks else "prompt file"
            raise unknown(kind, source, banks)
        bank = banks[source]
        pairs = zip(bank.edge_class.tolist(), bank.edge_vector.tolist(), strict=True)
        given = {}
        for name, at in pairs:
            given[name] = (*given.get(name, ()), (bank.texts or ())[at])
    codes = match_names(given, data.classes)
    return {data.classes[codes[name]] if name in codes else name: listed for name, listed in given.items()}


def _base(wanted: str | Sequence[str] | None, classes: Sequence[str]) -> tuple[str, ...]:
    """Classes of the data that are trained on, in the order of the data."""
    if wanted is None:
        return tuple(classes)
    if wanted == HALF:
        return tuple(classes[: (len(classes) + 1) // 2])
    given = _names_in(wanted, classes) if isinstance(wanted, str) else tuple(wanted)
    codes = match_names(given, classes)
    if missing := [name for name in given if name not in codes]:
        raise unknown("class of the data for `base_classes`", missing[0], classes)
    taken = set(codes.values())
    return tuple(name for code, name in enumerate(classes) if code in taken)


def _names_in(text: str, classes: Sequence[str]) -> tuple[str, ...]:
    if Path(text).exists():
        return read_class_names(Path(text))
    parts = split_commas(text)
    if len(parts) < 2 and not match_names(parts, classes):
        raise unknown("file of names, or class of the data, for `base_classes`", text, (HALF, *classes))
    return tuple(parts)
