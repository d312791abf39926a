"""Labelled images for training jobs, read from the same sources as the command ``index`` reads.

A training job that trains on labels or identities has a :class:`SampleSource` in its recipe and calls
:func:`read_samples`. It gets the samples of the splits train and val: their labels as integers and their preprocessed
pixels. Samples of any other split (test, query, gallery, ...) are counted and left out, so that no recipe can train on
test data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from indexers.sources.registry import open_source
from retrieval.config import Config
from retrieval.crops import cut_box
from retrieval.encoders.preprocess import pixels as apply_preprocess
from retrieval.errors import InputError, TestDataError
from retrieval.images import read_image, upright
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from retrieval.types import Int64, Preprocess, UInt8

TRAIN, VAL = "train", "val"
Column = Literal["label", "identity", "group", "camera", "aspect"]


class SampleSource(Config):
    """Section of a recipe that names a source of samples; a relative path starts in the current directory."""

    path: Path = Field(description="Folder or table of the images, as index takes it.")
    kind: str | None = Field(None, description="Kind of source, as index --source. Without it, guessed from the path.")
    name: str | None = Field(
        None, description="Name of the source, part of every sample's id. Without it, KIND:NAME of the folder or table."
    )
    options: dict[str, Any] = Field({}, description="Options of this kind of source: name to value.")


@dataclass(frozen=True, slots=True)
class TrainingSamples:
    """Training and validation samples of one source, in the order of the source.

    Attributes:
        samples: n samples; their split is train or val.
        root: folder to which the samples' uris are relative.
        left_out: number of samples of every other split, which are not read; ``none`` counts those without a split.
        problems: rows and files of the source that cannot be used.
    """

    samples: tuple[Sample, ...]
    root: Path
    left_out: dict[str, int]
    problems: tuple[SourceProblem, ...] = ()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def of_split(self, split: str) -> TrainingSamples:
        """Return the samples of a split.

        Raises:
            TestDataError: the split is neither train nor val.
            InputError: the source has no sample of the split.
        """
        if split not in (TRAIN, VAL):
            raise TestDataError(f"Split '{split}' may not be trained on; name {TRAIN} or {VAL}.")
        samples = tuple(sample for sample in self.samples if sample.split == split)
        if not samples:
            raise InputError(
                f"{self.root} has no samples of split {split}; name another source, or give samples this split."
            )
        return replace(self, samples=samples)

    def path(self, row: int) -> Path:
        """Return the image file of the sample at index ``row``."""
        return self.root / self.samples[row].uri

    def codes(self, column: Column) -> tuple[Sequence[str], Int64]:
        """Encode a column as integers.

        Returns:
            The k different values in ascending order, and for each sample the index of its value, (n,) int64; -1 where
            a sample has no value.
        """
        values: list[str | None] = [getattr(sample, column) for sample in self.samples]
        names = sorted({value for value in values if value is not None})
        code_of = {name: code for code, name in enumerate(names)}
        return names, np.array([-1 if value is None else code_of[value] for value in values], np.int64)

    def pixels(self, row: int, preprocess: Preprocess) -> UInt8:
        """Decode the sample at index ``row``, cut out its box and preprocess it, as ``index`` does.

        Returns:
            (height, width, 3) uint8.

        Raises:
            InputError: the file cannot be read, is no image, or the box lies outside it.
        """
        path, box = self.path(row), self.samples[row].box
        try:
            image = upright(read_image(path)).image  # turned as its EXIF orientation says
            return apply_preprocess(image if box is None else cut_box(image, box), preprocess)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def read_samples(source: SampleSource) -> TrainingSamples:
    """Read the training and validation samples of a source.

    Where no sample has a split, all are for training. Where only some have one, those without are left out.

    Raises:
        MissingFileError: there is nothing at the path.
        UnknownNameError: there is no such kind of source.
        InputError: the source cannot be read, or it has no sample of the splits train and val.
    """
    opened = open_source(source.path, source.kind, source.name, source.options)
    samples = tuple(opened)
    if all(sample.split is None for sample in samples):
        samples = tuple(replace(sample, split=TRAIN) for sample in samples)
    usable = tuple(sample for sample in samples if sample.split in (TRAIN, VAL))
    left_out = Counter(sample.split or "none" for sample in samples if sample.split not in (TRAIN, VAL))
    if not usable:
        counts = ", ".join(f"{count} of {split}" for split, count in sorted(left_out.items())) or "none at all"
        raise InputError(f"{source.path} has no samples of the splits {TRAIN} or {VAL} to train on ({counts}).")
    return TrainingSamples(usable, opened.root, dict(left_out), tuple(opened.problems))
