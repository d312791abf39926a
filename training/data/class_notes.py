"""What is said of the classes of a training job: on one side only, doubtful names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import first_names
from retrieval.names import counted_names, placeholders, shown_name, suspected_doubles, written_ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import Int64

SHOWN = 8
"""Largest number of classes that a note names."""


def one_sided_notes(classes: Sequence[str], codes: Int64, role: NDArray[np.str_]) -> list[str]:
    """Say which classes are in train or in val alone; nothing where there is no val.

    Args:
        classes: names of the classes.
        codes: (n,) their index for each sample.
        role: (n,) train or val.
    """
    train, val = (np.unique(codes[role == name]) for name in ("train", "val"))
    notes = []
    for only, have, lack in ((np.setdiff1d(train, val), "train", "val"), (np.setdiff1d(val, train), "val", "train")):
        if len(val) and len(only):
            listed = first_names((shown_name(classes[code]) for code in only), SHOWN)
            verb = "class has" if len(only) == 1 else "classes have"
            notes.append(f"{len(only):,} {verb} samples in {have} and none in {lack}: {listed}.")
    return notes


def name_notes(classes: Sequence[str], codes: Int64, target: str) -> list[str]:
    """Say which names may be one class in several spellings, and which seem to say that the class is not known.

    Args:
        classes: names of the classes.
        codes: (n,) their index for each sample.
        target: column of the classes.
    """
    counts = dict(zip(classes, np.bincount(codes, minlength=len(classes)).tolist(), strict=True))
    notes = []
    if doubles := suspected_doubles(counts):
        notes.append(f"Classes in several spellings that may be one: {written_ways(doubles)}. They are learned apart.")
    if held := placeholders(counts, "identity" if target == "identity" else "label")[:SHOWN]:
        verb = "reads like a placeholder and is" if len(held) == 1 else "read like placeholders and are"
        notes.append(f"{counted_names(held)} {verb} learned; `data.where` leaves samples out.")
    return notes
