"""What lies beside a result file: every prediction, and the wrong ones as pictures with their nearest neighbours.

``RESULT.json`` has its assets in ``RESULT.assets``: ``predictions.csv``, ``wrong.json`` and ``thumbs/``. Each may be
absent. ``wrong.json`` is written last, so that it never names a thumbnail that is not there.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from retrieval.errors import InputError
from retrieval.files import write_atomically

PREDICTIONS, WRONG, THUMBS = "predictions.csv", "wrong.json", "thumbs"
_THUMBNAIL = re.compile(rf"{THUMBS}/[\w-]+\.webp")


class Prediction(NamedTuple):
    """One answer: ``predicted`` with its ``probability``, the ``rank`` of the true ``label`` among all classes."""

    draw: int
    seed: int
    id: str
    uri: str
    label: str
    predicted: str
    probability: float
    rank: int
    correct: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A train sample near a wrong prediction; ``thumbnail`` is a path in the assets, or None."""

    uri: str
    label: str | None
    score: float
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class WrongPrediction:
    """A wrong prediction to be shown, with its nearest neighbours, nearest first."""

    id: str
    uri: str
    label: str
    predicted: str
    probability: float
    thumbnail: str | None = None
    neighbours: tuple[Neighbour, ...] = ()


def assets_folder(result: Path) -> Path:
    """The folder of a result file's assets, whether it is there or not."""
    return result.with_suffix(".assets")


def thumbnail_name(key: str) -> str:
    """The path in the assets of the thumbnail of a sample with this ``key``."""
    return f"{THUMBS}/{re.sub(r'[^0-9A-Za-z_-]', '-', key)}.webp"


def write_assets(
    result: Path, predictions: Iterable[Prediction], wrong: Iterable[WrongPrediction], thumbnails: Mapping[str, bytes]
) -> Path:
    """Write the assets of a result file; those of an earlier result of this name are replaced.

    Args:
        result: the result file (``RESULT.json``).
        predictions: rows of ``predictions.csv``, in the order they are to have.
        wrong: what reports show.
        thumbnails: :func:`thumbnail_name` -> encoded WebP, for the names that ``wrong`` mentions.

    Returns:
        The folder.

    Raises:
        InputError: it cannot be written there, or a thumbnail has another kind of name.
    """
    folder = assets_folder(result)
    with suppress(OSError):  # where it is not absent but cannot be removed, the next line says so
        (folder / WRONG).unlink()
    write_atomically(folder / PREDICTIONS, _csv(predictions))
    kept = {_write_thumbnail(folder, name, data) for name, data in thumbnails.items()}
    for old in (folder / THUMBS).glob("*.webp"):
        if old not in kept:
            old.unlink()
    write_atomically(folder / WRONG, json.dumps([asdict(each) for each in wrong], indent=1, ensure_ascii=False) + "\n")
    return folder


def read_predictions(result: Path) -> Iterator[Prediction] | None:
    """Rows of ``predictions.csv`` in order, one by one; None where there is no such file.

    Raises:
        InputError: the file cannot be read as predictions; raised when the row is reached.
    """
    path = assets_folder(result) / PREDICTIONS
    return _rows(path) if path.is_file() else None


def read_wrong(result: Path) -> tuple[WrongPrediction, ...] | None:
    """WrongPrediction predictions to be shown; None where there is no such file.

    Raises:
        InputError: the file cannot be read as wrong predictions.
    """
    path = assets_folder(result) / WRONG
    try:
        return TypeAdapter(tuple[WrongPrediction, ...]).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError(f"{path} holds no wrong predictions that can be read; evaluate again with `out`.") from None


def read_thumbnail(result: Path, name: str | None) -> bytes | None:
    """An encoded thumbnail; None where there is none. Names that lead out of the folder are none."""
    if name is None or not _THUMBNAIL.fullmatch(name):
        return None
    try:
        return (assets_folder(result) / name).read_bytes()
    except OSError:
        return None


def _csv(predictions: Iterable[Prediction]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Prediction._fields)
    for each in predictions:
        writer.writerow(each._replace(probability=f"{each.probability:.6g}", correct=int(each.correct)))  # type: ignore[arg-type]
    return text.getvalue()


def _rows(path: Path) -> Iterator[Prediction]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != Prediction._fields:
            raise InputError(f"{path} does not begin with {','.join(Prediction._fields)}; evaluate again with `out`.")
        for row in reader:
            try:
                yield Prediction(
                    int(row["draw"]), int(row["seed"]), row["id"], row["uri"], row["label"], row["predicted"],
                    float(row["probability"]), int(row["rank"]), bool(int(row["correct"])),
                )  # fmt: skip
            except (TypeError, ValueError):
                raise InputError(f"{path}, line {reader.line_num}: no prediction can be read there.") from None


def _write_thumbnail(folder: Path, name: str, data: bytes) -> Path:
    if not _THUMBNAIL.fullmatch(name):
        raise InputError(f"'{name}' is no name of a thumbnail; make it with thumbnail_name().")
    path = folder / name
    write_atomically(path, data)
    return path
