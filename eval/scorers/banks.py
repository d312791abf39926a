"""The edges of a bank by class, and the classes without an edge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eval.seams.scorer import Arm, ClassBank
from retrieval.errors import InputError
from retrieval.types import Int64


def require_bank(arm: Arm, what: str) -> None:
    """Require that an arm has a bank.

    Args:
        arm: the arm.
        what: what the bank would be, and the way out, for the message.

    Raises:
        InputError: it has none.
    """
    if not arm.banks:
        raise InputError(f"Arm '{arm.name}' has no {what}.")


class Segments(NamedTuple):
    """The edges of a bank by class.

    ``classes`` (C',) codes of the classes that have an edge, ascending; ``starts`` (C',) the first edge of each. The
    edges of ``classes[i]`` are ``starts[i]`` up to, but not including, ``starts[i + 1]``.
    """

    classes: Int64
    starts: Int64


def class_segments(bank: ClassBank) -> Segments:
    """Group the edges of a bank by class. Classes without an edge are left out.

    Raises:
        InputError: the bank has no edge.
    """
    classes, starts = np.unique(bank.edge_class, return_index=True)
    if not len(classes):
        raise InputError(
            f"Bank '{bank.name}' has no vector for any class of the label universe; compare the names of its classes "
            "with the labels, or take another universe (labels_from)."
        )
    return Segments(classes, starts)


def missing_classes(bank: ClassBank, classes: int) -> list[int]:
    """Codes of the classes without an edge in this bank, ascending; ``classes`` is C, the size of the universe."""
    return [int(code) for code in np.setdiff1d(np.arange(classes), bank.edge_class)]
