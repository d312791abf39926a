"""An encoder as files: one weight file, or a folder whose card ``encoder.json`` names its parts.

A training job leaves such a folder. The card gives the family that builds the encoder, a name, the preprocessing and
the SHA-256 of every part (weights, configuration, vocabulary, recipe); files that it does not name, such as a README,
belong to the reader. The digest of a folder covers the card and the parts, not the place, so a folder may move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from retrieval.config import Config
from retrieval.encoders.digests import file_digest
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.files import write_atomically
from retrieval.text_files import read_json
from retrieval.types import Interpolation, Preprocess, ResizeMode

CARD = "encoder.json"
FOLDER = "folder:"
"""How a spec names a folder as the place of its weights."""

INSIDE = "encoder"
"""The folder of a training run that holds its encoder."""

PLAIN_WEIGHTS = ".safetensors"


class CardPixels(Config):
    """The preprocessing of an encoder, as :class:`retrieval.types.Preprocess` has it."""

    resize: int = Field(ge=1, le=8192)
    crop: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"
    mode: ResizeMode = "shortest"
    fill: int = Field(0, ge=0, le=255)


class Card(Config):
    """What ``encoder.json`` says."""

    format: Literal[1] = 1
    family: str = Field(min_length=1)
    model: str = Field(min_length=1)
    preprocess: CardPixels
    weights: str
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Artefact:
    """The files of one encoder.

    Attributes:
        path: the weight file, or the folder.
        weights: the weight file.
        digest: SHA-256 of the file, or of the names and digests of all files of the folder.
        card: what the folder says of itself; None for a file.
    """

    path: Path
    weights: Path
    digest: str
    card: Card | None = None

    def part(self, name: str) -> Path | None:
        """The file of a part; None if the artefact has no such part."""
        return self.path / name if self.card is not None and name in self.card.parts else None

    @property
    def preprocess(self) -> Preprocess | None:
        """The preprocessing that the weights were trained with; None for a file."""
        return None if self.card is None else Preprocess(**self.card.preprocess.model_dump())


def weight_file(path: Path) -> Artefact:
    """The artefact of a single weight file.

    Raises:
        MissingFileError: there is no such file.
        InputError: it cannot be read.
    """
    return Artefact(path, path, file_digest(path))


def find_card(folder: Path) -> Path | None:
    """The card of a folder, or of the encoder in the folder of a training run; None if there is none."""
    return next((path for path in (folder / CARD, folder / INSIDE / CARD) if path.is_file()), None)


def open_folder(folder: Path) -> Artefact:
    """Read the card of a folder and check that every part is the one that it names.

    Args:
        folder: the encoder's folder, or the folder of the training run that holds it.

    Raises:
        MissingFileError: there is no folder, no card or not every part.
        WeightsError: a part was changed, or the weights are of a kind that may run code.
        InputError: the card cannot be used.
    """
    if not folder.exists():
        raise MissingFileError(f"{folder}: no such folder; check the path given to `encoder`.")
    path = find_card(folder)
    if path is None:
        raise MissingFileError(
            f"{folder} is no encoder: it should hold {CARD} and the parts that it names, as 'vitrine train' leaves "
            f"them in OUT/{INSIDE}; for a weight file say `encoder=FAMILY/MODEL` `weights=FILE`."
        )
    card = read_card(path)
    found = {name: _checked(path.with_name(name), wanted) for name, wanted in card.parts.items()}
    digest = _joined({**found, CARD: file_digest(path)})
    return Artefact(path.parent, path.with_name(card.weights), digest, card)


def read_card(path: Path) -> Card:
    """Read ``encoder.json``.

    Raises:
        InputError: it is no such card.
        WeightsError: the weights are no safetensors file.
    """
    values = read_json(path, "the card of an encoder")
    if not isinstance(values, dict):
        raise InputError(f"{path} is no card of an encoder; train again, or copy the folder again.")
    card = Card.read(values, str(path))
    if outside := [name for name in card.parts if Path(name).name != name or name in {"", ".", "..", CARD}]:
        raise InputError(f"{path}: part '{outside[0]}' is not the name of a file beside it; copy the folder again.")
    if card.weights not in card.parts:
        raise InputError(f"{path}: the weights '{card.weights}' are not among its parts; copy the folder again.")
    if not card.weights.endswith(PLAIN_WEIGHTS):
        raise WeightsError(
            f"{path}: the weights '{card.weights}' are no safetensors file, and other kinds may hold code; "
            f"name them with `encoder=FAMILY/MODEL` `weights={path.with_name(card.weights)}`."
        )
    return card


def write_card(
    folder: Path, family: str, model: str, preprocess: Preprocess, weights: str, parts: Iterable[str]
) -> None:
    """Write the card of a folder, after its parts.

    Args:
        folder: holds the parts.
        family: the family that builds the encoder, a key of :data:`retrieval.encoders.registry.FAMILIES`.
        model: its name; for a family that does not read a configuration, the architecture.
        preprocess: what the weights were trained with.
        weights: file name of the weights, safetensors.
        parts: file names of all parts, ``weights`` among them.
    """
    digests = {name: file_digest(folder / name) for name in sorted(parts)}
    card = Card(
        family=family,
        model=model,
        preprocess=CardPixels(**asdict(preprocess)),
        weights=weights,
        parts=digests,
    )
    write_atomically(folder / CARD, card.model_dump_json(indent=1) + "\n")


def _checked(path: Path, wanted: str) -> str:
    if not path.is_file():
        raise MissingFileError(
            f"{path.parent} is not complete: its part {path.name} is missing; copy the folder again."
        )
    found = file_digest(path)
    if found != wanted:
        raise WeightsError(
            f"{path} is damaged or was changed: its digest is {found[:12]}, and {CARD} names {wanted[:12]}; "
            "copy the folder again."
        )
    return found


def _joined(digests: dict[str, str]) -> str:
    """SHA-256 of names and digests, in order of the names."""
    lines = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()
