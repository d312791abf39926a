"""What adapters train on: unit vectors, classes, and the vector of each class that images are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.classification.universe import match_names
from eval.runs.arms import class_bank
from eval.scorers.pooling import class_texts
from eval.scorers.prompts import LARGEST_SCALE
from eval.scorers.prototypes import class_means
from retrieval.errors import InputError, first_names, unknown
from retrieval.names import shown_name
from retrieval.types import TEXT_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import Bank, Float32, Int64
    from training.data.training_data import TrainingData
    from training.jobs.adapter_recipe import AdapterRecipe

MAKE_PROMPTS = "store one, as 'eval --mode zeroshot --prompts FILE' does"
"""How a bank of texts is made."""

BASE = "base"
"""The view of the vectors of the space."""

NEEDS_TEXTS = ("lp++", "clap")
"""Methods that start from texts."""


class ClassVectors(NamedTuple):
    """The vectors (C, d) of the classes, NaN for a class without one, and the factor on cosines with them.

    ``bank`` is the name of the bank of texts, or None for the means of train samples.
    """

    vectors: Float32
    scale: float
    bank: str | None

    @property
    def has_vector(self) -> NDArray[np.bool_]:
        """Whether a class has a vector, (C,)."""
        return ~np.isnan(self.vectors[:, 0])


@dataclass(frozen=True, slots=True)
class AdapterData:
    """Samples with a class vector.

    Attributes:
        vectors: (n, d) unit vectors of all samples.
        labels: (n,) codes in [0, C).
        train: (t,) rows of train samples whose class has a vector.
        val: (v,) rows of val samples whose class has a vector and train samples.
        names: C names of classes.
        classes: their vectors.
        notes: sentences for the user.
    """

    vectors: Float32
    labels: Int64
    train: Int64
    val: Int64
    names: tuple[str, ...]
    classes: ClassVectors
    notes: tuple[str, ...]

    @property
    def shots(self) -> float:
        """Mean number of train samples of the classes that have any."""
        return len(self.train) / len(np.unique(self.labels[self.train]))


def adapter_data(data: TrainingData, recipe: AdapterRecipe, view: str) -> AdapterData:
    """Find the class vectors, and the samples that have one.

    Args:
        data: samples with the vectors of the view.
        recipe: says which bank, and whether texts or means are taken.
        view: the view of the vectors.

    Raises:
        UnknownNameError: the space has no such bank of texts.
        InputError: it has several and none is named, none has texts of these classes, or the method needs texts and
            there are none.
    """
    vectors, labels, names = data.vectors[view].vectors, data.target, data.classes
    train = data.rows("train")
    bank = _text_bank(data, recipe)
    if bank is not None:
        classes = _texts(bank, names)
    else:
        means = class_means(data.vectors[BASE].vectors[train], labels[train], len(names))
        classes = ClassVectors(means, LARGEST_SCALE, None)
    used = train[classes.has_vector[labels[train]]]
    if not len(used):
        raise InputError("None of the train samples has a class with a vector; check the names of the classes.")
    val = data.rows("val")
    learnt = np.isin(labels[val], labels[used])
    return AdapterData(vectors, labels, used, val[learnt], names, classes, _notes(data, classes, used))


def _text_bank(data: TrainingData, recipe: AdapterRecipe) -> Bank | None:
    """Find the bank of texts that the recipe names or leaves open; None for the means of train samples."""
    if recipe.classes == "prototypes":
        if recipe.bank is not None:
            raise InputError("recipe: `classes=prototypes` takes no texts; leave out `bank`.")
        if recipe.method in NEEDS_TEXTS:
            raise InputError(f"recipe: {recipe.method} starts from texts; leave out `classes=prototypes`.")
        return None
    texts = [bank for bank in data.banks if bank.kind in TEXT_KINDS]
    if recipe.bank is not None:
        return _named(texts, recipe.bank)
    fitting = [bank for bank in texts if match_names(bank.edge_class.tolist(), data.classes)]
    fitting = [bank for bank in fitting if bank.kind == "prompts"] or fitting  # embedded texts before learned ones
    if len({bank.sha256 for bank in fitting}) > 1:
        names = first_names((f"{bank.name} ({bank.sha256[:8]})" for bank in fitting), 6)
        raise InputError(f"The space has several banks with texts of these classes; name one as `bank`: {names}.")
    if fitting:
        return fitting[0]
    if recipe.classes == "texts" or recipe.method in NEEDS_TEXTS:
        raise InputError(f"The space has no bank with texts of these classes, which {recipe.method} needs; "
                         f"{MAKE_PROMPTS}.")  # fmt: skip
    return None


def _named(texts: Sequence[Bank], name: str) -> Bank:
    exact = [bank for bank in texts if name in (bank.name, bank.sha256)]
    matches = exact or [bank for bank in texts if bank.name.startswith(name) or bank.sha256.startswith(name)]
    if not matches:
        raise unknown("bank of texts in the space", name, {bank.name for bank in texts})
    if len({bank.sha256 for bank in matches}) > 1:
        shas = first_names((f"{bank.name} ({bank.sha256[:8]})" for bank in matches), 6)
        raise InputError(f"`bank={name}` may mean {shas}; name one by its hash.")
    return matches[0]


def _texts(bank: Bank, names: Sequence[str]) -> ClassVectors:
    vectors = class_texts(class_bank(bank, names, bank.name), len(names))
    return ClassVectors(vectors, LARGEST_SCALE if bank.temperature is None else 1 / bank.temperature, bank.name)


def _notes(data: TrainingData, classes: ClassVectors, train: Int64) -> tuple[str, ...]:
    """Say what images are compared with, which classes have no text, and which a single train sample."""
    source = "means of train samples" if classes.bank is None else f"texts of bank {classes.bank}"
    notes = [f"Classes are represented by the {source}."]
    without = np.flatnonzero(~classes.has_vector)
    if len(without) and classes.bank is not None:
        left_out = int(np.isin(data.target[data.rows("train")], without).sum())
        notes.append(f"{_count(data, without, 'without a text')}: their {left_out:,} train samples are left out.")
    counts = np.bincount(data.target[train], minlength=len(data.classes))
    single = np.flatnonzero(counts == 1)
    if len(single):
        notes.append(f"{_count(data, single, 'with a single train sample')}.")
    return tuple(notes)


def _count(data: TrainingData, codes: Int64, what: str) -> str:
    names = first_names((shown_name(data.classes[code]) for code in codes), 6)
    return f"{len(codes):,} of {len(data.classes):,} classes {what} ({names})"
