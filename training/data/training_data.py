"""What a training job gets of a store: the samples to train on and those held out, never a test sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from training.sampling import REPEATS, draw_evenly, epoch_generator

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from retrieval.types import Bank, Embeddings, Int64, SpaceInfo

Role = Literal["train", "val"]


class DataNeeds(NamedTuple):
    """What a job reads of a store.

    Attributes:
        images: whether it opens image files.
        views: the views of the space whose stored vectors it reads; empty for none.
        target: the column that it learns, unless the recipe names another.
        val: whether it cannot do without held-out samples.
        repeats: whether its epochs are :meth:`TrainingData.epoch_rows`; a job whose are not takes no ``oversample``.
    """

    images: bool = True
    views: tuple[str, ...] = ()
    target: str = "label"
    val: bool = False
    repeats: bool = False


class SampleImages(Protocol):
    """The images of n samples."""

    def path(self, row: int) -> Path:
        """Return the image file of a sample."""
        ...

    def decode(self, row: int) -> Image:
        """Decode the image of a sample as RGB, upright, its box cut out.

        Raises:
            InputError: the file cannot be read, or is no image.
        """
        ...


class RepeatedRows(NamedTuple):
    """Rows of which an epoch has ``extra`` more than each of them once."""

    rows: Int64
    extra: int


@dataclass(frozen=True, slots=True)
class TrainingData:
    """n samples of a store, in the order of the data (of their sources, then of their positions).

    Attributes:
        ids: (n,) ids of the samples.
        keys: (n,) keys of their vectors and thumbnails.
        classes: the different values of the target column, in ascending order.
        target: (n,) index into ``classes``.
        role: (n,) ``train`` or ``val``.
        columns: columns of the samples by name, (n,) each; None where a sample has no value.
        space: the space that the job starts from, or None.
        vectors: stored vectors of the samples by view, n rows each.
        banks: the banks that vectors of the space may be scored against.
        images: their images, if the job needs them.
        notes: sentences for the user: what was left out, and why.
        repeats: train samples that are oversampled.
    """

    ids: NDArray[np.str_]
    keys: NDArray[np.str_]
    classes: tuple[str, ...]
    target: Int64
    role: NDArray[np.str_]
    columns: Mapping[str, NDArray[np.object_]]
    space: SpaceInfo | None = None
    vectors: Mapping[str, Embeddings] = field(default_factory=dict)
    banks: tuple[Bank, ...] = ()
    images: SampleImages | None = None
    notes: tuple[str, ...] = ()
    repeats: tuple[RepeatedRows, ...] = ()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.ids)

    def rows(self, role: Role) -> Int64:
        """Return the rows of a role, ascending."""
        return np.flatnonzero(self.role == role).astype(np.int64)

    def epoch_rows(self, seed: int, epoch: int) -> Int64:
        """Return the rows of an epoch: every train sample, and repeats of those that are oversampled.

        All epochs have equally many; the repeats are a function of seed and epoch.
        """
        rng = epoch_generator(seed, epoch, REPEATS)
        return np.concatenate([self.rows("train"), *(draw_evenly(*repeat, rng) for repeat in self.repeats)])
