"""The files of an encoder: one file of weights, or a folder with a card, ``encoder.json``.

Training jobs write such folders. The card contains the family that builds the encoder, its name, its preprocessing and
the SHA-256 of every part (weights, configuration, vocabulary, recipe); other files, such as a README, are ignored. The
digest of a folder covers the card and the parts but not the path, so a folder may move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from retrieval.config import Config
from retrieval.encoders.config_faults import LARGEST_IMAGE
from retrieval.encoders.digests import file_digest
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.files import write_atomically
from retrieval.text_files import read_json
from retrieval.types import Interpolation, Preprocess, ResizeMode

CARD = "encoder.json"
FOLDER = "folder:"
"""Prefix of the location of weights in a folder, in ``EncoderSpec.weights``."""

INSIDE = "encoder"
"""Name of the encoder's folder in the folder of a training run."""

PLAIN_WEIGHTS = ".safetensors"


Side = Annotated[int, Field(ge=1, le=LARGEST_IMAGE)]


class CardPixels(Config):
    """The preprocessing of an encoder; fields as in :class:`retrieval.types.Preprocess`."""

    resize: Side
    crop: tuple[Side, Side]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"
    mode: ResizeMode = "shortest"
    fill: int = Field(0, ge=0, le=255)


class Card(Config):
    """The content of ``encoder.json``; ``parts`` maps file names to SHA-256.

    ``preprocess`` is None for an adapter of imported vectors, which encodes no images.
    """

    format: Literal[1] = 1
    family: str = Field(min_length=1)
    model: str = Field(min_length=1)
    preprocess: CardPixels | None
    weights: str
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Artefact:
    """The files of one encoder.

    Attributes:
        path: the file of weights, or the folder.
        weights: the file of weights.
        digest: SHA-256 of the file, or of the names and digests of the card and all parts of the folder.
        card: the card of the folder; None for a file.
        inside: the network to take of a file that holds several; empty for all.
        names: names of the files of a folder without a card.
    """

    path: Path
    weights: Path
    digest: str
    card: Card | None = None
    inside: str = ""
    names: tuple[str, ...] = ()

    def part(self, name: str) -> Path | None:
        """Return the path of a part, or None if the artefact has no such part."""
        names = self.names if self.card is None else self.card.parts
        return self.path / name if name in names else None

    @property
    def preprocess(self) -> Preprocess | None:
        """The preprocessing with which the weights were trained; None without a card, or if it names none."""
        pixels = None if self.card is None else self.card.preprocess
        return None if pixels is None else Preprocess(**pixels.model_dump())


def weight_file(path: Path, inside: str = "") -> Artefact:
    """Return the artefact of a file of weights, or of one network in it, whose digest is another.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file cannot be read.
    """
    digest = file_digest(path)
    return Artefact(path, path, combined_digest({"": digest, inside: ""}) if inside else digest, inside=inside)


def open_local(source: str) -> Artefact | None:
    """Return the artefact of a source ``file:PATH[#network]`` or ``folder:PATH``; None for sources elsewhere.

    None is also returned for folders without a card, which their family reads.

    Raises:
        MissingFileError, InputError, WeightsError: as :func:`weight_file` and :func:`open_folder`.
    """
    if source.startswith("file:"):
        return weight_file(*split_inside(source.removeprefix("file:")))
    folder = Path(source.removeprefix(FOLDER))
    if not source.startswith(FOLDER) or (folder.is_dir() and find_card(folder) is None):
        return None
    return open_folder(folder)


def plain_folder(folder: Path, weights: Iterable[str], others: Iterable[str]) -> Artefact:
    """Return the artefact of a folder as its authors publish it, without a card.

    Args:
        folder: the folder.
        weights: names of the file of weights, in order of preference.
        others: names of other files that are part of the encoder, where the folder has them.

    Raises:
        MissingFileError: the folder has no such file of weights.
    """
    path = weights_in(folder, weights)
    names = tuple(sorted({path.name, *(name for name in others if (folder / name).is_file())}))
    digest = combined_digest({name: file_digest(folder / name) for name in names})
    return Artefact(folder, path, digest, names=names)


def weights_in(folder: Path, names: Iterable[str]) -> Path:
    """Return the first of several files of weights that a folder has.

    Raises:
        MissingFileError: the folder has none of them.
    """
    listed = list(names)
    path = next((folder / name for name in listed if (folder / name).is_file()), None)
    if path is None:
        raise MissingFileError(f"{folder} has none of the files {', '.join(listed)}; copy the weights into it.")
    return path


def split_inside(text: str) -> tuple[Path, str]:
    """Split ``FILE#network``; a file whose own name has the ``#`` is taken as it is."""
    path = Path(text).expanduser()
    before, hash_sign, inside = text.rpartition("#")
    if path.exists() or not hash_sign or not Path(before).expanduser().is_file():
        return path, ""
    return Path(before).expanduser(), inside


def find_card(folder: Path) -> Path | None:
    """Return the path of the card of a folder, or of the encoder in the folder of a training run; None without one."""
    return next((path for path in (folder / CARD, folder / INSIDE / CARD) if path.is_file()), None)


def open_folder(folder: Path) -> Artefact:
    """Read the card of a folder and check the digests of its parts.

    Args:
        folder: the encoder's folder, or the folder of the training run that contains it.

    Raises:
        MissingFileError: the folder, the card or a part does not exist.
        WeightsError: a part was changed, or the weights are in a format that may run code.
        InputError: the card is invalid.
    """
    if not folder.exists():
        raise MissingFileError(f"{folder}: no such folder; check the path given to `encoder`.")
    path = find_card(folder)
    if path is None:
        raise MissingFileError(
            f"{folder} is no encoder: it should hold {CARD} and the parts that it names, as 'vitrine train' leaves "
            f"them in OUT/{INSIDE}, or be a repository with its open_clip_config.json or config.json; for a weight "
            "file say `encoder=FAMILY/MODEL` `weights=FILE`."
        )
    card = read_card(path)
    digests = {name: _check_digest(path.with_name(name), expected) for name, expected in card.parts.items()}
    digest = combined_digest({**digests, CARD: file_digest(path)})
    return Artefact(path.parent, path.with_name(card.weights), digest, card)


def read_card(path: Path) -> Card:
    """Read ``encoder.json``.

    Raises:
        InputError: the card is invalid.
        WeightsError: the weights are not a safetensors file.
    """
    values = read_json(path, "the card of an encoder")
    if not isinstance(values, dict):
        raise InputError(f"{path} is no card of an encoder; train again, or copy the folder again.")
    card = Card.read_saved(values, str(path))
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
    folder: Path, family: str, model: str, preprocess: Preprocess | None, weights: str, parts: Iterable[str]
) -> None:
    """Write the card of a folder that contains the parts already.

    Args:
        folder: the folder.
        family: the family that builds the encoder, a key of :data:`retrieval.encoders.registry.FAMILIES`.
        model: its name; for a family that does not read a configuration, the architecture.
        preprocess: the preprocessing with which the weights were trained; None for an encoder without images.
        weights: file name of the weights, safetensors.
        parts: file names of all parts, including ``weights``.
    """
    digests = {name: file_digest(folder / name) for name in sorted(parts)}
    card = Card(
        family=family,
        model=model,
        preprocess=None if preprocess is None else CardPixels(**asdict(preprocess)),
        weights=weights,
        parts=digests,
    )
    write_atomically(folder / CARD, card.model_dump_json(indent=1) + "\n")


def _check_digest(path: Path, expected: str) -> str:
    """Return the digest of a part, after comparing it with the card."""
    if not path.is_file():
        raise MissingFileError(
            f"{path.parent} is not complete: its part {path.name} is missing; copy the folder again."
        )
    digest = file_digest(path)
    if digest != expected:
        raise WeightsError(
            f"{path} is damaged or was changed: its digest is {digest[:12]}, and {CARD} names {expected[:12]}; "
            "copy the folder again."
        )
    return digest


def combined_digest(digests: dict[str, str]) -> str:
    """Return the SHA-256 of names and digests, in order of the names."""
    lines = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()
