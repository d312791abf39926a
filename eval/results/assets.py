"""The assets of a result file: every prediction, and wrong predictions as thumbnails with their nearest neighbours.

The assets of ``RESULT.json`` are in the folder ``RESULT.assets``: ``predictions.csv``, ``wrong.json`` and ``thumbs/``.
Each may be absent. ``wrong.json`` is written last, so that every thumbnail that it names exists.
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
    """The answer for one sample: ``predicted`` with its ``probability``, and the 1-based ``rank`` of the true label."""

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
    """A train sample near a wrongly predicted one; ``thumbnail`` is a path in the assets, or None."""

    uri: str
    label: str | None
    score: float
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class WrongPrediction:
    """A wrong prediction that reports show, with its nearest train samples, nearest first."""

    id: str
    uri: str
    label: str
    predicted: str
    probability: float
    thumbnail: str | None = None
    neighbours: tuple[Neighbour, ...] = ()


def assets_folder(result: Path) -> Path:
    """The folder of a result file's assets, which need not exist."""
    return result.with_suffix(".assets")


def thumbnail_name(key: str) -> str:
    """The path in the assets of a sample's thumbnail, made from the ``key`` of the sample."""
    return f"{THUMBS}/{re.sub(r'[^0-9A-Za-z_-]', '-', key)}.webp"


def write_assets(
    result: Path, predictions: Iterable[Prediction], wrong: Iterable[WrongPrediction], thumbnails: Mapping[str, bytes]
) -> Path:
    """Write the assets of a result file and replace those of an earlier result of this name.

    Args:
        result: the result file (``RESULT.json``).
        predictions: rows of ``predictions.csv``, in order.
        wrong: wrong predictions that reports show.
        thumbnails: :func:`thumbnail_name` -> encoded WebP, for the names that ``wrong`` mentions.

    Returns:
        The folder.

    Raises:
        InputError: a file cannot be written, or the name of a thumbnail is not one of :func:`thumbnail_name`.
    """
    folder = assets_folder(result)
    with suppress(OSError):  # a file that cannot be removed makes the next line fail, which says so
        (folder / WRONG).unlink()
    write_atomically(folder / PREDICTIONS, _csv(predictions))
    kept = {_write_thumbnail(folder, name, data) for name, data in thumbnails.items()}
    for old in (folder / THUMBS).glob("*.webp"):
        if old not in kept:
            old.unlink()
    entries = [asdict(prediction) for prediction in wrong]
    write_atomically(folder / WRONG, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    return folder


def read_predictions(result: Path) -> Iterator[Prediction] | None:
    """Read ``predictions.csv`` row by row; None where there is no such file.

    Raises:
        InputError: the file or a row cannot be read as predictions; raised when that row is reached.
    """
    path = assets_folder(result) / PREDICTIONS
    return _rows(path) if path.is_file() else None


def read_wrong(result: Path) -> tuple[WrongPrediction, ...] | None:
    """Read the wrong predictions that reports show; None where there is no such file.

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
    """Read an encoded thumbnail; None where there is no such file, or where the name is not one of a thumbnail."""
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
    for row in predictions:
        writer.writerow(row._replace(probability=f"{row.probability:.6g}", correct=int(row.correct)))  # type: ignore[arg-type]
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
