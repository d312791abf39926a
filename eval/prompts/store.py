"""What a store knows about classes that prompts may say: the colours of their train images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from eval.prompts.attributes import Attributes
from eval.prompts.colours import colour_words
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from retrieval.types import UInt8

ATTRIBUTE = "colour"
PER_CLASS = 50
"""Thumbnails that are looked at for each class."""


class ThumbnailSource(Protocol):
    """The part of a snapshot that is read here."""

    def samples(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table: ...

    def thumbnails(self, keys: Sequence[str]) -> Mapping[str, bytes]: ...


class ClassColours(NamedTuple):
    """Attribute ``colour`` of classes; ``images`` were looked at; ``without`` are classes with no usable thumbnail."""

    attributes: Attributes
    images: int
    without: tuple[str, ...]


def store_classes(snapshot: ThumbnailSource) -> tuple[str, ...]:
    """Labels of all samples, sorted."""
    return tuple(sorted({str(label) for label in snapshot.samples(["label"]).column("label").to_pylist() if label}))


def class_colours(snapshot: ThumbnailSource, most: int = 3, per_class: int = PER_CLASS) -> ClassColours:
    """Name the colours of every class from thumbnails of train images, never of val or test.

    An image that is also, byte for byte, in another split is not looked at.

    Args:
        snapshot: of a store with samples in the split train.
        most: colours of a class at most.
        per_class: images of a class at most, the first in order of sample id (a hash, so any).

    Raises:
        InputError: no labelled sample is in the split train, or none of them has a thumbnail.
    """
    keys = _train_keys(snapshot)
    if not keys:
        raise InputError(
            "Colours are looked up on train images alone, and this store has no labelled sample in the split train; "
            "index with a split column, or give the colours yourself with `attributes`."
        )
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    images = 0
    for label in sorted(keys):
        pictures = _pictures(snapshot, keys[label][:per_class])
        images += len(pictures)
        if words := colour_words(pictures, most):
            found[label] = {ATTRIBUTE: words}
    if not found:
        raise InputError("The store has no thumbnails of train images; give `attributes` instead.")
    return ClassColours(found, images, tuple(label for label in sorted(keys) if label not in found))


def _train_keys(snapshot: ThumbnailSource) -> dict[str, list[str]]:
    """Label to content keys of its train samples, each once, in order of sample id."""
    rows = snapshot.samples(["key", "label", "split"]).to_pylist()
    elsewhere = {row["key"] for row in rows if row["split"] != "train"}
    keys: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["split"] == "train" and row["label"] and row["key"] not in elsewhere:
            keys.setdefault(str(row["label"]), {})[row["key"]] = None
    return {label: list(own) for label, own in keys.items()}


def _pictures(snapshot: ThumbnailSource, keys: Sequence[str]) -> list[UInt8]:
    """Decode thumbnails; those that are missing or damaged are passed over."""
    from PIL import Image

    stored = snapshot.thumbnails(keys)
    pictures = []
    for key in keys:
        try:
            with Image.open(io.BytesIO(stored[key])) as image:
                pictures.append(np.asarray(image.convert("RGB"), np.uint8))
        except (KeyError, OSError, ValueError, SyntaxError):
            continue
    return pictures
