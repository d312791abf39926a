"""Training from Python: :func:`train`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.config import takes_options_of
from retrieval.escapes import printable
from training.request import TrainRequest
from training.request import train as run_train

if TYPE_CHECKING:
    from training.train_report import TrainReport


@takes_options_of(TrainRequest)
def train(
    job: str, store: str | Path | None = None, *, say: Callable[[str], None] | None = None, **options: Any
) -> TrainReport:
    """Train by a recipe, or go on where an earlier run of it in the same folder stopped.

    What was trained on a store becomes a space of it, or banks, and is compared with the space that it started from.

    >>> report = vitrine.train("adapter", "birds.vitrine", out="runs/birds", overrides=["method=rla"])

    Args:
        job: name of the job, such as ``adapter`` or ``clip``.
        store: folder of the store whose samples are trained on; none for a job that reads its own data.
        say: called with sentences as they come up; without it they go to standard error.
        **options: see below.

    Returns:
        The folder of the run, its history, best epoch and score, and what the refresh of the store changed.

    Raises:
        UnknownNameError: there is no such job, recipe, space, column, class or option.
        MissingFileError: a file that the recipe names does not exist.
        InputError: the recipe or its data cannot be used, or the folder holds another run.
        TestDataError: test samples would be trained on.
        IncompleteError: samples lack vectors, or images.
    """
    values = {**options, "job": job, "store": None if store is None else str(store)}
    return run_train(TrainRequest.read(values, "train"), say or _print_sentence)


def _print_sentence(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)  # noqa: T201 - the default of `say`
