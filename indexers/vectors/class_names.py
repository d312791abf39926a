"""Names for the outputs of a classifier: the numbered bank of a space is stored again with class names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError
from retrieval.labels import read_class_names

if TYPE_CHECKING:
    from retrieval.types import Bank, ClassifierHead, SpaceInfo
    from retrieval.types.store import EmbeddingStore

CLASSIFIER = "classifier"
"""Name of the bank whose classes are numbers; the one with names from ``labels.tsv`` is ``classifier:labels``."""


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of a classifier's outputs in their order, and the file that says so."""

    path: Path
    names: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> ClassNames:
        """Read a file of names (:func:`retrieval.labels.read_class_names`).

        Raises:
            MissingFileError: there is no such file.
            InputError: it cannot be used.
        """
        return cls(path, read_class_names(path))

    @property
    def bank_name(self) -> str:
        """What the named bank is called."""
        return f"{CLASSIFIER}:{self.path.stem}"

    def check(self, head: ClassifierHead | None, model: str) -> None:
        """Check that there is a name for every output of a head, before anything is embedded with it.

        Raises:
            InputError: there is no head, or it has another number of outputs.
        """
        if head is None:
            raise InputError(
                f"The weights of {model} have no classifier layer that {self.path} could name; leave out `class_names`."
            )
        self._count(len(head.weight))

    def name(self, numbered: Bank) -> Bank:
        """The same classifier with named classes.

        Raises:
            InputError: it has another number of outputs.
        """
        self._count(len(numbered.vectors))
        names = np.array(self.names, np.str_)[numbered.edge_vector]
        return replace(numbered, name=self.bank_name, edge_class=names)

    def _count(self, outputs: int) -> None:
        if len(self.names) != outputs:
            raise InputError(
                f"{self.path} has {len(self.names)} names, but the classifier has {outputs} outputs; give the file "
                "that the classifier was trained with."
            )


def name_classifier(store: EmbeddingStore, space: SpaceInfo, wanted: ClassNames) -> list[str]:
    """Store the classifier of a space under its class names, unless it is; no encoder is needed.

    Returns:
        Sentences for the user.

    Raises:
        InputError: the space has no classifier, or one with another number of outputs.
    """
    banks = store.banks(space.fingerprint)
    numbered = next((bank for bank in banks if bank.name == CLASSIFIER), None)
    if numbered is None:
        raise InputError(
            f"Space {space.name} has no classifier layer that {wanted.path} could name; leave out `class_names`."
        )
    named = wanted.name(numbered)
    store.save_bank(named)
    others = [
        bank for bank in banks if bank.name.startswith(f"{CLASSIFIER}:") and (bank.name, bank.sha256) != _key(named)
    ]
    said = [f"The {len(wanted.names)} outputs of the classifier have their names: bank {named.name}."]
    if others:
        listed = ", ".join(f"{bank.name} ({bank.sha256[:8]})" for bank in (named, *others))
        said.append(
            f"Space {space.name} has {len(others) + 1} named classifiers now: {listed}; "
            f"choose one as the arm {space.name}:{CLASSIFIER}:HASH."
        )
    return said


def _key(bank: Bank) -> tuple[str, str]:
    return bank.name, bank.sha256
