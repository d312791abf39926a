"""Which samples a run was trained on and which chose its weights: ``samples.json`` in its folder.

Numbers over these samples say nothing of new ones, so what evaluates a run leaves them out, or says that they are
there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.leaks import HELD_OUT
from eval.protocols.copies import IMPORTED
from retrieval.errors import InputError
from retrieval.files import write_atomically
from retrieval.text_files import read_json
from training.checkpoint import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from retrieval.types import SplitSet
    from retrieval.types.store import Snapshot
    from training.data.training_data import TrainingData


class RunSamples(NamedTuple):
    """Ids of the samples of a run: those that it was trained on, and those held out to choose its weights."""

    train: frozenset[str] = frozenset()
    val: frozenset[str] = frozenset()

    @classmethod
    def of(cls, data: TrainingData) -> RunSamples:
        """Return those of a run on this data."""
        return cls(*(frozenset(data.ids[data.role == role].tolist()) for role in cls._fields))

    def with_copies(self, snapshot: Snapshot) -> RunSamples:
        """Add the samples of a store with the same content and crop as one of these, under another id."""
        rows = snapshot.samples(["id", "key", "source"]).to_pylist()
        rows = [row for row in rows if row["key"] is not None and not str(row["source"]).startswith(IMPORTED)]
        train, val = ({row["key"] for row in rows if row["id"] in ids} for ids in self)
        copied = ({row["id"] for row in rows if row["key"] in keys} for keys in (train, val - train))
        return RunSamples(*(ids.union(copies) for ids, copies in zip(self, copied, strict=True)))

    def among(self, ids: Iterable[str]) -> str | None:
        """Say how many of these samples are the run's, as the beginning of a sentence; None if none is."""
        named = set(ids)
        train, val = len(named & self.train), len(named & self.val)
        if not train + val:
            return None
        parts = [f"{train:,} were trained on"] if train else []
        parts += [f"{val:,} were held out to choose the weights"] if val else []
        return f"of {len(named):,} evaluated samples, {' and '.join(parts)}"

    def warning(self, splits: SplitSet) -> str | None:
        """Warn of an evaluation of the run by these draws; None if it is on other samples."""
        said = self.among(evaluated_ids(splits))
        return said and f"{said[0].upper()}{said[1:]}: this says nothing of new samples."


def evaluated_ids(splits: SplitSet) -> set[str]:
    """Return the ids of the samples that are test, query or gallery in some draw."""
    ids: set[str] = set(splits.sample[np.isin(splits.role, HELD_OUT)].tolist())
    return ids


def keep_samples(out: Path, data: TrainingData) -> None:
    """Write the ids of a run's samples to its folder."""
    values = {role: data.ids[data.role == role].tolist() for role in RunSamples._fields}  # in the order of the data
    write_atomically(out / SAMPLES, json.dumps(values, indent=1) + "\n")


def read_samples(out: Path) -> RunSamples | None:
    """Read the ids of a run's samples; None for a folder that does not have them, as of an earlier version.

    Raises:
        InputError: the file cannot be read.
    """
    path = out / SAMPLES
    if not path.is_file():
        return None
    values = read_json(path, "the samples of a training run")
    try:
        return RunSamples(*(frozenset(map(str, values[role])) for role in RunSamples._fields))
    except (KeyError, TypeError):
        raise InputError(f"{path} does not list the samples of a training run; copy the folder again.") from None
