"""Writes what a training job leaves behind: the folder of an encoder, banks, and the record of the training.

``OUT/encoder``         an encoder that ``--encoder OUT`` loads: weights, files of its family, record, card
``OUT/banks``           banks for the space trained from, or for the new one: NAME.safetensors and NAME.json
``OUT/training.json``   the record, also a part of the encoder
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from retrieval.encoders.artefact import INSIDE, write_card
from retrieval.errors import InputError, WeightsError
from retrieval.files import replacing, write_atomically
from retrieval.text_files import read_json
from training.checkpoint import save_weights

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64, Preprocess, SpaceInfo
    from retrieval.types.banks import BankKind

RECORD, BANKS, WEIGHTS = "training.json", "banks", "weights.safetensors"

Owner = Literal["parent", "new"]
"""The space of a bank: the one that was trained from, or the one of the trained encoder."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What was trained, from what, and how it did on held-out samples.

    Attributes:
        job: name of the job.
        recipe: the resolved recipe.
        parent: the space that was trained from, or None.
        target: column that was learned.
        classes: classes or identities in the order of the trained layer.
        best_epoch: epoch of the weights, counted from 1.
        metrics: held-out metrics of these weights.
        details: what else a job says of what it trained, as values of JSON.
    """

    job: str
    recipe: Mapping[str, Any]
    parent: SpaceInfo | None
    target: str
    classes: Sequence[str]
    best_epoch: int
    metrics: Mapping[str, float]
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Serialise to JSON; of the parent are kept fingerprint, name and spec."""
        parent = self.parent and {
            "fingerprint": self.parent.fingerprint,
            "name": self.parent.name,
            "spec": json.loads(self.parent.spec.to_json()),
        }
        values = {
            "job": self.job,
            "parent": parent,
            "target": self.target,
            "classes": list(self.classes),
            "best_epoch": self.best_epoch,
            "metrics": dict(self.metrics),
            "details": dict(self.details),
            "recipe": dict(self.recipe),
        }
        return json.dumps(values, indent=1) + "\n"


def write_encoder(
    out: Path,
    record: TrainingRecord,
    *,
    family: str,
    model: str,
    preprocess: Preprocess | None,
    weights: Mapping[str, torch.Tensor],
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the folder of an encoder, its card last.

    Args:
        out: folder of the run.
        record: the record, which becomes a part.
        family: the family that builds the encoder.
        model: its name; for a family that reads no configuration, the architecture.
        preprocess: the preprocessing with which the weights were trained.
        weights: tensors by name.
        files: content of other parts by file name, such as a configuration and a vocabulary.

    Returns:
        The encoder's folder.
    """
    folder, text = out / INSIDE, record.to_json()
    folder.mkdir(parents=True, exist_ok=True)
    others = {**(files or {}), RECORD: text.encode()}
    save_weights(folder / WEIGHTS, weights)
    for name, content in others.items():
        write_atomically(folder / name, content)
    write_card(folder, family, model, preprocess, WEIGHTS, (WEIGHTS, *others))
    write_atomically(out / RECORD, text)
    return folder


def write_record(out: Path, record: TrainingRecord) -> None:
    """Write the record of a run that leaves no encoder."""
    write_atomically(out / RECORD, record.to_json())


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a run, or of the encoder that one left.

    Raises:
        MissingFileError: there is none.
        InputError: it is no record.
    """
    file = path / RECORD
    values = read_json(file, "the record of a training run")
    if not isinstance(values, dict) or not values.keys() >= {"job", "parent", "classes"}:
        raise InputError(f"{file} is no record of a training run; copy the folder again.")
    return values


@dataclass(frozen=True, slots=True)
class TrainedBank:
    """A bank that a job trained; fields as in :class:`retrieval.types.Bank`.

    ``owner`` says to which space it belongs: ``parent`` or ``new``.
    """

    name: str
    kind: BankKind
    owner: Owner
    vectors: Float32
    edge_vector: Int64
    edge_class: NDArray[np.str_]
    bias: Float32 | None = None
    temperature: float | None = None
    texts: tuple[str, ...] | None = None


def write_bank(out: Path, bank: TrainedBank) -> None:
    """Write a bank to the folder of a run: its arrays, then what describes them."""
    from safetensors.numpy import save_file

    folder = out / BANKS
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"vectors": bank.vectors, "edge_vector": bank.edge_vector, "bias": bank.bias}
    given = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    with replacing(folder / f"{bank.name}.safetensors", shared=False) as part:
        save_file(given, part)
    values = {
        "name": bank.name,
        "kind": bank.kind,
        "owner": bank.owner,
        "edge_class": bank.edge_class.tolist(),
        "temperature": bank.temperature,
        "texts": None if bank.texts is None else list(bank.texts),
    }
    write_atomically(folder / f"{bank.name}.json", json.dumps(values, indent=1) + "\n")


def read_banks(out: Path) -> tuple[TrainedBank, ...]:
    """Read the banks of a run, in order of their names.

    Raises:
        WeightsError: the arrays of a bank are missing or damaged.
        InputError: the description of one is.
    """
    return tuple(_read_bank(path) for path in sorted((out / BANKS).glob("*.json")))


def _read_bank(path: Path) -> TrainedBank:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    values, file = read_json(path, "the description of a bank"), path.with_suffix(".safetensors")
    try:
        arrays = load_file(file)
    except (OSError, SafetensorError):
        raise WeightsError(f"{file} is missing or damaged; train again, or copy the folder again.") from None
    try:
        return TrainedBank(
            values["name"],
            values["kind"],
            values["owner"],
            arrays["vectors"],
            arrays["edge_vector"],
            np.array(values["edge_class"], np.str_),
            arrays.get("bias"),
            values["temperature"],
            None if values["texts"] is None else tuple(values["texts"]),
        )
    except (KeyError, TypeError):
        raise InputError(f"{path} is no description of a bank; train again, or copy the folder again.") from None
