"""Few shots: so many train samples of each class, the first ones or drawn at random."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from retrieval.errors import InputError
from retrieval.types import Int64

How: TypeAlias = Literal["first", "random"]


class Shots(NamedTuple):
    """``at`` places of the shots in the train rows, ascending; classes that lack some (``short``) or all (``empty``).

    The two are codes, ascending, and have no class in common.
    """

    at: Int64
    short: Int64
    empty: Int64


def take_shots(labels: Int64, shots: int, classes: int, how: How, rng: np.random.Generator) -> Shots:
    """Take ``shots`` train samples of each class, all of a class that has fewer.

    ``random`` asks the generator once for a number per sample, class by class in order of code, and of each class
    takes the samples with the smallest. So a draw depends on the generator's state and the labels alone, and fewer
    shots of the same state are among more of them: what a curve over shots shows is not the luck of new draws.

    Args:
        labels: (n,) codes of the train rows, in order of sample id; -1 is no class.
        shots: at least 1.
        classes: C.
        how: ``first`` in order of row, or ``random``.
        rng: a generator; ``first`` does not ask it.

    Raises:
        InputError: ``shots`` is below 1.
    """
    if shots < 1:
        raise InputError(f"{shots} shots cannot be taken; ask for 1 or more.")
    order = np.argsort(labels, kind="stable")
    order = order[np.searchsorted(labels[order], 0) :]
    if how == "random":
        order = order[np.lexsort((rng.random(len(order)), labels[order]))]
    counts = np.bincount(labels[order], minlength=classes)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Shots(
        at=np.sort(order[place < shots]),
        short=np.flatnonzero((counts > 0) & (counts < shots)),
        empty=np.flatnonzero(counts == 0),
    )
