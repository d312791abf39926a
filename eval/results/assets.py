"""The assets of a result file: every prediction, and wrong predictions with thumbnails and nearest train samples.

A classification that is evaluated with the option ``out`` writes ``RESULT.json`` and, beside it, the folder
``RESULT.assets`` with ``predictions.csv``, ``wrong.json`` and ``thumbs/`` (``eval/runs/keep_assets.py``). Reports read
it (``eval/report``). Each of the three may be absent. ``wrong.json`` is written last, so that every thumbnail that it
names exists.
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
from retrieval.escapes import csv_cell, text_of_csv_cell
from retrieval.files import write_atomically

PREDICTIONS, WRONG, THUMBS = "predictions.csv", "wrong.json", "thumbs"
_THUMBNAIL = re.compile(rf"{THUMBS}/[\w-]+\.webp")


class Prediction(NamedTuple):
    """The answer for one test sample; a row of ``predictions.csv``.

    Attributes:
        draw: number of the draw (one division of the samples into train, val and test) in which the sample was tested.
        seed: number of the repetition of the draw; a few-shot evaluation repeats each draw with several seeds.
        id: id of the sample.
        uri: uri of the sample.
        label: true label.
        predicted: label with the highest probability.
        probability: probability of ``predicted``.
        rank: rank of the true label, from 1.
        correct: whether ``predicted`` is the true label.
        group: group of the sample, which intervals may resample as a whole; empty where none is known.
    """

    draw: int
    seed: int
    id: str
    uri: str
    label: str
    predicted: str
    probability: float
    rank: int
    correct: bool
    group: str = ""


_WITHOUT_GROUP = Prediction._fields[:-1]
"""Columns of a file that was written before predictions had groups."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A train sample near a wrongly predicted sample.

    Attributes:
        uri: uri of the train sample.
        label: its label, or None.
        score: its similarity to the wrongly predicted sample; higher is nearer.
        thumbnail: path of its thumbnail in the assets, or None.
    """

    uri: str
    label: str | None
    score: float
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class WrongPrediction:
    """A wrong prediction that reports show; an entry of ``wrong.json``.

    Attributes:
        id: id of the test sample.
        uri: uri of the test sample.
        label: true label.
        predicted: label with the highest probability.
        probability: probability of ``predicted``.
        thumbnail: path of the sample's thumbnail in the assets, or None.
        neighbours: the nearest train samples, nearest first.
    """

    id: str
    uri: str
    label: str
    predicted: str
    probability: float
    thumbnail: str | None = None
    neighbours: tuple[Neighbour, ...] = ()


def assets_folder(result: Path) -> Path:
    """Return the folder of a result file's assets, which need not exist."""
    return result.with_suffix(".assets")


def thumbnail_name(key: str) -> str:
    """Return the path in the assets of a sample's thumbnail.

    Args:
        key: column ``key`` of the sample. Characters other than ASCII letters, digits, ``_`` and ``-`` become ``-``.
    """
    return f"{THUMBS}/{re.sub(r'[^0-9A-Za-z_-]', '-', key)}.webp"


def write_assets(
    result: Path, predictions: Iterable[Prediction], wrong: Iterable[WrongPrediction], thumbnails: Mapping[str, bytes]
) -> Path:
    """Write the assets of a result file. Assets of an earlier result file of the same name are replaced.

    Args:
        result: the result file (``RESULT.json``).
        predictions: rows of ``predictions.csv``, in order.
        wrong: entries of ``wrong.json``, in order.
        thumbnails: path of a thumbnail, from :func:`thumbnail_name`, to its WebP data; one for each path in ``wrong``.

    Returns:
        The folder of the assets.

    Raises:
        InputError: a file cannot be written, or a path of a thumbnail does not come from :func:`thumbnail_name`.
    """
    folder = assets_folder(result)
    with suppress(OSError):  # absent; where it cannot be removed, writing to the folder fails below with a message
        (folder / WRONG).unlink()
    write_atomically(folder / PREDICTIONS, _csv(predictions))
    current = {_write_thumbnail(folder, name, data) for name, data in thumbnails.items()}
    for path in (folder / THUMBS).glob("*.webp"):
        if path not in current:
            path.unlink()
    entries = [asdict(prediction) for prediction in wrong]
    write_atomically(folder / WRONG, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    return folder


def read_predictions(result: Path) -> Iterator[Prediction] | None:
    """Return an iterator over the rows of ``predictions.csv``, or None if there is no such file.

    Raises:
        InputError: the file or a row is not of predictions; raised by the iterator when it reaches that row.
    """
    path = assets_folder(result) / PREDICTIONS
    return _rows(path) if path.is_file() else None


def read_wrong_predictions(result: Path) -> tuple[WrongPrediction, ...] | None:
    """Read ``wrong.json``, the wrong predictions that reports show; return None if there is no such file.

    Raises:
        InputError: the file cannot be read, or has other contents.
    """
    path = assets_folder(result) / WRONG
    try:
        return TypeAdapter(tuple[WrongPrediction, ...]).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError(f"{path} cannot be read as wrong predictions; evaluate again with the option `out`.") from None


def read_thumbnail(result: Path, name: str | None) -> bytes | None:
    """Read the WebP data of a thumbnail; None if there is no such file or ``name`` is no path of a thumbnail."""
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
        cells = row._asdict() | {"probability": f"{row.probability:.6g}", "correct": int(row.correct)}
        writer.writerow(csv_cell(str(cell)) for cell in cells.values())
    return text.getvalue()


def _rows(path: Path) -> Iterator[Prediction]:
    line = 1
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            _require_columns(path, tuple(reader.fieldnames or ()))
            for row in reader:
                line = reader.line_num
                yield _prediction(row)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); evaluate again with the option `out`.") from None
    except (TypeError, ValueError, AttributeError, csv.Error):  # a text that is no UTF-8 is a ValueError
        raise InputError(f"{path}, line {line}: not a prediction; evaluate again with the option `out`.") from None


def _require_columns(path: Path, columns: tuple[str, ...]) -> None:
    if columns not in {Prediction._fields, _WITHOUT_GROUP}:
        begin = ",".join(_WITHOUT_GROUP)
        raise InputError(f"{path} does not begin with {begin}; evaluate again with the option `out`.")


def _prediction(row: Mapping[str, str]) -> Prediction:
    return Prediction(
        int(row["draw"]), int(row["seed"]), *_texts(row), float(row["probability"]), int(row["rank"]),
        bool(int(row["correct"])), text_of_csv_cell(row.get("group", "")),
    )  # fmt: skip


def _texts(row: Mapping[str, str]) -> tuple[str, str, str, str]:
    of = text_of_csv_cell
    return of(row["id"]), of(row["uri"]), of(row["label"]), of(row["predicted"])


def _write_thumbnail(folder: Path, name: str, data: bytes) -> Path:
    if not _THUMBNAIL.fullmatch(name):
        raise InputError(f"'{name}' is no path of a thumbnail; make it with thumbnail_name().")
    path = folder / name
    write_atomically(path, data)
    return path
