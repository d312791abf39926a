"""What jobs that learn labels ask of their samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError, first_names
from retrieval.names import shown_name

if TYPE_CHECKING:
    from retrieval.types import Int64
    from training.data.training_data import TrainingData


def require_classes(data: TrainingData) -> None:
    """Check that there are two classes to train on.

    Raises:
        InputError: there are not.
    """
    rows = data.rows("train")
    present = np.unique(data.target[rows])
    if len(present) < 2:
        only = first_names((shown_name(data.classes[code]) for code in present), 1)
        raise InputError(
            f"All {len(rows):,} training samples are of one class ({only}); a classifier needs two or more: name "
            "another column with `data.target`, or other samples."
        )


def class_counts(data: TrainingData) -> Int64:
    """(C,) number of training samples of every class, repeats not counted."""
    return np.bincount(data.target[data.rows("train")], minlength=len(data.classes)).astype(np.int64)
