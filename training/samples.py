"""Samples to train on, from the same sources as ``index``: uri, label, identity, group, box, split.

Jobs see the splits train and val. Samples for testing are counted and left out, whatever a recipe says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from indexers.pipeline.decode import cut_box
from indexers.sources.registry import open_source
from retrieval.config import Config
from retrieval.encoders.preprocess import pixels
from retrieval.errors import InputError, TestDataError
from retrieval.images import read_file, upright
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from retrieval.types import Int64, Preprocess, UInt8

TRAIN, VAL = "train", "val"
Column = Literal["label", "identity", "group", "camera", "aspect"]


class SampleSource(Config):
    """Where a recipe takes samples from; a relative path starts where the command runs."""

    path: Path = Field(description="Folder or table of the images, as index takes it.")
    kind: str | None = Field(None, description="Kind of source, as index --source; guessed where it is plain.")
    name: str | None = Field(None, description="Name of the source, part of every sample's id; default kind and name.")
    options: dict[str, Any] = Field({}, description="Options of the source, by name.")


@dataclass(frozen=True, slots=True)
class TrainingSamples:
    """Samples of one source, in its order.

    Attributes:
        samples: n samples; their split is train or val.
        root: where their uris start.
        left_out: samples for testing, by split.
        problems: rows and files that cannot be used.
    """

    samples: tuple[Sample, ...]
    root: Path
    left_out: dict[str, int]
    problems: tuple[SourceProblem, ...] = ()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def part(self, split: str) -> TrainingSamples:
        """The samples of a split.

        Raises:
            TestDataError: the split is for testing.
            InputError: there is no sample of the split.
        """
        if split not in (TRAIN, VAL):
            raise TestDataError(f"split '{split}' is for testing and may not be trained on; name {TRAIN} or {VAL}.")
        samples = tuple(sample for sample in self.samples if sample.split == split)
        if not samples:
            raise InputError(
                f"{self.root} has no samples of the split {split}; name another source, or split this one."
            )
        return replace(self, samples=samples)

    def path(self, row: int) -> Path:
        """The image file of a sample."""
        return self.root / self.samples[row].uri

    def codes(self, column: Column) -> tuple[Sequence[str], Int64]:
        """The sorted values of a column, and the code of every sample.

        Returns:
            k values, and (n,) codes from 0 to k - 1; -1 where a sample has no value.
        """
        values: list[str | None] = [getattr(sample, column) for sample in self.samples]
        names = sorted({value for value in values if value is not None})
        place = {name: code for code, name in enumerate(names)}
        return names, np.array([-1 if value is None else place[value] for value in values], np.int64)

    def pixels(self, row: int, preprocess: Preprocess) -> UInt8:
        """Decode a sample, cut its box and preprocess it, as ``index`` does.

        Returns:
            (height, width, 3) uint8.

        Raises:
            InputError: the file cannot be read, is no image, or the box lies outside it.
        """
        path, box = self.path(row), self.samples[row].box
        data = read_file(path)
        try:
            image, _ = upright(data)
            return pixels(image if box is None else cut_box(image, box), preprocess)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def read_samples(source: SampleSource) -> TrainingSamples:
    """Read the training and validation samples of a source; without splits, all samples are for training.

    Raises:
        MissingFileError: there is nothing at the path.
        UnknownNameError: there is no such kind of source.
        InputError: the source cannot be read, or nothing is left to train on.
    """
    opened = open_source(source.path, source.kind, source.name, source.options)
    every = tuple(opened)
    if all(sample.split is None for sample in every):
        every = tuple(replace(sample, split=TRAIN) for sample in every)
    kept = tuple(sample for sample in every if sample.split in (TRAIN, VAL))
    left_out = Counter(sample.split or "none" for sample in every if sample.split not in (TRAIN, VAL))
    if not kept:
        counts = ", ".join(f"{count} of {split}" for split, count in sorted(left_out.items())) or "none at all"
        raise InputError(f"{source.path} has no samples of the splits {TRAIN} or {VAL} to train on ({counts}).")
    return TrainingSamples(kept, opened.root, dict(left_out), tuple(opened.problems))
