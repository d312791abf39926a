"""Wrong predictions as rows of thumbnails: the image and its nearest neighbours."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from eval.report.document import Thumbnail, ThumbnailRow
from eval.results.assets import read_thumbnail, read_wrong_predictions
from eval.views.wording import spaces_of

if TYPE_CHECKING:
    from pathlib import Path

    from eval.report.groups import LabelledResult
    from eval.results.assets import Neighbour, WrongPrediction
    from eval.results.schema import EvalResult

MOST_ROWS = 8
LARGEST_SIDE = 2_000
"""Pixels; a larger picture is no thumbnail."""


def wrong_rows(labelled: LabelledResult) -> tuple[ThumbnailRow, ...] | None:
    """The surest errors of a result, from the assets beside its file; None if it has none.

    Raises:
        InputError: the assets cannot be read.
    """
    wrong = read_wrong_predictions(labelled.path)
    return None if wrong is None else tuple(_row(labelled.path, at, row) for at, row in enumerate(wrong[:MOST_ROWS], 1))


def neighbours_words(result: EvalResult) -> str:
    """Say which samples the neighbours are, and by the vectors of which arm: those of the first, as they are kept."""
    samples = "train samples" if result.n.get("train") else "other test samples"
    first = next(iter(result.arms or {}), None)
    arm = (result.arms or {})[first] if first is not None else None
    space = (arm.space if arm is not None else "") or spaces_of(result)[0]
    several = len(result.arms or {}) > 1
    return f"{samples} by the vectors of {f'arm {first} alone, ' if several else ''}space {space}"


def _row(result: Path, at: int, wrong: WrongPrediction) -> ThumbnailRow:
    title = f"{at}. {wrong.label}, taken for {wrong.predicted} ({100 * wrong.probability:.0f} %)"
    sample = _thumbnail(result, wrong.thumbnail, (wrong.label, wrong.uri), None)
    return ThumbnailRow(title, sample, tuple(_neighbour(result, wrong, neighbour) for neighbour in wrong.neighbours))


def _neighbour(result: Path, wrong: WrongPrediction, neighbour: Neighbour) -> Thumbnail:
    lines = (neighbour.label or "no label", f"similarity {neighbour.score:.3f}")
    return _thumbnail(result, neighbour.thumbnail, lines, neighbour.label == wrong.label)


def _thumbnail(result: Path, name: str | None, lines: tuple[str, ...], right: bool | None) -> Thumbnail:  # noqa: FBT001
    data = read_thumbnail(result, name)
    size = None if data is None else _size(data)
    if data is None or size is None:
        return Thumbnail("", b"", (1, 1), lines, right)
    return Thumbnail(f"{hashlib.sha256(data).hexdigest()[:16]}.webp", data, size, lines, right)


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP picture; None if it is none, or cannot be decoded."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            image.load()
            return image.size if max(image.size) <= LARGEST_SIDE else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
