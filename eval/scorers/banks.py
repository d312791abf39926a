"""What scorers ask of a bank over the label universe: the edges of each class, and which classes have none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.seams.scorer import ClassBank
from retrieval.errors import InputError
from retrieval.types import Int64


class Segments(NamedTuple):
    """The edges of class ``classes[i]`` are those from ``starts[i]`` to the next start; both (C',), ascending."""

    classes: Int64
    starts: Int64


def class_segments(bank: ClassBank) -> Segments:
    """Where the edges of each class lie; classes without an edge are not among them.

    Raises:
        InputError: no class has an edge.
    """
    classes, starts = np.unique(bank.edge_class, return_index=True)
    if not len(classes):
        raise InputError(
            f"Bank '{bank.name}' has nothing for any class of the label universe; compare the names of its classes "
            "with the labels, or take another universe (labels_from)."
        )
    return Segments(classes, starts)


def missing_classes(bank: ClassBank, classes: int) -> list[int]:
    """Codes of the classes, of ``classes`` in all, that this bank cannot answer, ascending."""
    return [int(code) for code in np.setdiff1d(np.arange(classes), bank.edge_class)]
