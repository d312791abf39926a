"""Name the outputs of a space's classifier: its bank with numbered classes is stored again with class names.

``index`` with ``class_names`` checks the names before it embeds samples, and names the classifier afterwards.
"""

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
"""Name of the bank with numbered classes. The bank with names from ``labels.tsv`` is called ``classifier:labels``."""


@dataclass(frozen=True, slots=True)
class ClassNames:
    """Names of the outputs of a classifier, in order, and the file that they were read from."""

    path: Path
    names: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> ClassNames:
        """Read a file of class names; :func:`retrieval.labels.read_class_names` describes the formats.

        Raises:
            MissingFileError: the file does not exist.
            InputError: the file is invalid.
        """
        return cls(path, read_class_names(path))

    @property
    def bank_name(self) -> str:
        """Name of the bank with these class names."""
        return f"{CLASSIFIER}:{self.path.stem}"

    def check(self, head: ClassifierHead | None, model: str) -> None:
        """Check that there is one name for each output of a classifier, before samples are embedded.

        Args:
            head: the classifier of the encoder, or None if the weights have none.
            model: the encoder, for messages.

        Raises:
            InputError: there is no classifier, or it has another number of outputs.
        """
        if head is None:
            raise InputError(
                f"The weights of {model} have no classifier layer that {self.path} could name; leave out `class_names`."
            )
        self._check_count(len(head.weight))

    def name(self, numbered: Bank) -> Bank:
        """Name the classes of a bank: return a copy with these names instead of the numbers of ``numbered``.

        Raises:
            InputError: the bank has another number of classes.
        """
        self._check_count(len(numbered.vectors))
        # Vector i is output i, so the class of an edge is the name of its vector.
        names = np.array(self.names, np.str_)[numbered.edge_vector]
        return replace(numbered, name=self.bank_name, edge_class=names)

    def _check_count(self, outputs: int) -> None:
        if len(self.names) != outputs:
            raise InputError(
                f"{self.path} has {len(self.names)} names, but the classifier has {outputs} outputs; give the file "
                "that the classifier was trained with."
            )


def name_classifier(store: EmbeddingStore, space: SpaceInfo, class_names: ClassNames) -> list[str]:
    """Store a bank of the space's classifier with class names, unless it is stored already. No encoder is loaded.

    Returns:
        Notes for the user.

    Raises:
        InputError: the space has no classifier, or one with another number of outputs.
    """
    banks = store.banks(space.fingerprint)
    numbered = next((bank for bank in banks if bank.name == CLASSIFIER), None)
    if numbered is None:
        raise InputError(
            f"Space {space.name} has no classifier layer that {class_names.path} could name; leave out `class_names`."
        )
    named = class_names.name(numbered)
    store.save_bank(named)  # changes nothing if the store has the bank
    others = [bank for bank in banks if bank.name.startswith(f"{CLASSIFIER}:") and _key(bank) != _key(named)]
    notes = [f"The {len(class_names.names)} outputs of the classifier have their names: bank {named.name}."]
    if others:
        # An arm is SPACE:SCORER:BANK; banks of one name are told apart by the start of their SHA-256.
        listed = ", ".join(f"{bank.name} ({bank.sha256[:8]})" for bank in (named, *others))
        notes.append(
            f"Space {space.name} has {len(others) + 1} named classifiers now: {listed}; "
            f"choose one as the arm {space.name}:{CLASSIFIER}:HASH."
        )
    return notes


def _key(bank: Bank) -> tuple[str, str]:
    return bank.name, bank.sha256
