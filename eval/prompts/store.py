"""Classes of a store and the colours of their train images, as attributes for prompts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from eval.prompts.attributes import Attributes
from eval.prompts.colours import colour_words
from retrieval.errors import InputError
from retrieval.image_formats import THUMBNAIL_FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from retrieval.types import UInt8

ATTRIBUTE = "colour"
PER_CLASS = 50
"""Thumbnails that are read of each class at most."""


class ThumbnailSource(Protocol):
    """The methods of a snapshot that this module calls."""

    def samples(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table: ...

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]: ...


class ClassColours(NamedTuple):
    """Attribute ``colour`` by class, the number of ``images`` read, and the classes without a readable thumbnail."""

    attributes: Attributes
    images: int
    without_thumbnails: tuple[str, ...]


def store_classes(snapshot: ThumbnailSource) -> tuple[str, ...]:
    """The labels of all samples, sorted, each once."""
    return tuple(sorted({str(label) for label in snapshot.samples(["label"]).column("label").to_pylist() if label}))


def class_colours(snapshot: ThumbnailSource, most: int = 3, per_class: int = PER_CLASS) -> ClassColours:
    """Name the colours of every class from thumbnails of samples in the split train.

    A sample whose file is, byte for byte, also in another split is not read.

    Args:
        snapshot: the snapshot of a store with samples in the split train.
        most: number of colours of a class at most.
        per_class: number of images of a class at most; the first in the order of the data.

    Raises:
        InputError: no labelled sample is in the split train, or none of these has a readable thumbnail.
    """
    keys = _train_keys(snapshot)
    if not keys:
        raise InputError(
            "Colours are looked up on train images alone, and this store has no labelled sample in the split train; "
            "index with a split column, or give the colours yourself with `attributes`."
        )
    colours: dict[str, dict[str, tuple[str, ...]]] = {}
    images = 0
    for label in sorted(keys):
        pictures = _pictures(snapshot, keys[label][:per_class])
        images += len(pictures)
        if words := colour_words(pictures, most):
            colours[label] = {ATTRIBUTE: words}
    if not colours:
        raise InputError("The store has no thumbnails of train images; give `attributes` instead.")
    return ClassColours(colours, images, tuple(label for label in sorted(keys) if label not in colours))


def _train_keys(snapshot: ThumbnailSource) -> dict[str, list[str]]:
    """Labels -> content keys of their train samples, each once, in the order of the data."""
    rows = snapshot.samples(["key", "label", "split"]).to_pylist()
    elsewhere = {row["key"] for row in rows if row["split"] != "train"}
    keys: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["split"] == "train" and row["label"] and row["key"] not in elsewhere:
            keys.setdefault(str(row["label"]), {})[row["key"]] = None
    return {label: list(unique) for label, unique in keys.items()}


def _pictures(snapshot: ThumbnailSource, keys: Sequence[str]) -> list[UInt8]:
    """Decode thumbnails to (height, width, 3) uint8; missing or damaged ones are skipped."""
    from PIL import Image

    stored = snapshot.thumbnails(keys)
    pictures = []
    for key in keys:
        try:
            with Image.open(io.BytesIO(stored[key]), formats=THUMBNAIL_FORMATS) as image:
                pictures.append(np.asarray(image.convert("RGB"), np.uint8))
        except (KeyError, OSError, ValueError, SyntaxError):
            continue
    return pictures
