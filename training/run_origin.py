"""What a run is trained on: ``data.json`` in its folder, so that it goes on with the same samples only."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from retrieval.errors import InputError
from retrieval.files import write_atomically
from retrieval.text_files import read_json
from training.checkpoint import ORIGIN, STATE, read_kept

if TYPE_CHECKING:
    from pathlib import Path

    from training.data.training_data import TrainingData

NOT_TOLD = frozenset(("samples_sha256", "space_fingerprint"))
"""What :mod:`training.run_state` does not note."""


class RunOrigin(NamedTuple):
    """Store, space and samples of a run.

    Attributes:
        store: folder of the store.
        space: name of the space that it starts from, or None.
        train: number of samples that are trained on.
        val: number of samples that are held out.
        classes: number of classes.
        samples_sha256: digest of samples, classes and roles, in their order.
        space_fingerprint: fingerprint of the space, or None.
        encoder: the space's encoder, as ``FAMILY/MODEL``, or None.
    """

    store: str
    space: str | None
    train: int
    val: int
    classes: int
    samples_sha256: str
    space_fingerprint: str | None = None
    encoder: str | None = None

    @classmethod
    def of(cls, store: str, data: TrainingData) -> RunOrigin:
        """Describe the data of a run."""
        digest = hashlib.sha256(json.dumps(data.classes).encode())
        for column in (data.ids, data.keys, data.role):
            digest.update("\0".join(column.tolist()).encode())
        digest.update(np.ascontiguousarray(data.target).tobytes())
        counts = len(data.rows("train")), len(data.rows("val")), len(data.classes)
        space = data.space
        if space is None:
            return cls(store, None, *counts, digest.hexdigest())
        encoder = f"{space.spec.family}/{space.spec.model}"
        return cls(store, space.name, *counts, digest.hexdigest(), space.fingerprint, encoder)

    def about(self) -> dict[str, Any]:
        """What :mod:`training.run_state` notes of it."""
        return {name: value for name, value in self._asdict().items() if name not in NOT_TOLD}


def started_from(out: Path) -> str | None:
    """Name of the space that a run started from, which need not be named again; None if there is no run, or no space.

    After a refresh the store has two spaces, and the same command goes on with the same one.

    Raises:
        InputError: the note of the run is damaged.
    """
    path = out / ORIGIN
    name = read_kept(path, "what a run was trained on").get("space") if path.is_file() else None
    return None if name is None else str(name)


def read_origin(out: Path) -> dict[str, Any]:
    """Return what :class:`RunOrigin` says of a run, as it was kept; empty for a folder without it.

    Raises:
        InputError: the file cannot be read.
    """
    path = out / ORIGIN
    values = read_json(path, "what a run was trained on") if path.is_file() else None
    return values if isinstance(values, dict) else {}


def keep_origin(out: Path, origin: RunOrigin) -> None:
    """Write what a run is trained on, or check that it is what an earlier part of the run was trained on.

    Raises:
        InputError: the folder holds a run from another space, or on other samples, or a damaged one.
    """
    path = out / ORIGIN
    if (out / STATE).is_file() and path.is_file():
        before = read_kept(path, "what a run was trained on")
        if before.get("space") != origin.space:
            raise InputError(f"{out} started from space {before.get('space')}; name that `space`, or a new `out`.")
        if before.get("samples_sha256") != origin.samples_sha256:
            counts = f"{before.get('train')} and {before.get('val')}, now {origin.train} and {origin.val}"
            raise InputError(
                f"{out} was trained on other samples than the store has now ({counts} of train and val); choose a new "
                "`out`."
            )
    else:
        write_atomically(path, json.dumps(origin._asdict(), indent=1) + "\n")
