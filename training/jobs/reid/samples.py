"""The samples of the job ``reid``: identities to train on, and held-out ones that are not among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from retrieval.errors import InputError
from training.jobs.reid.held_out import LEAST, identities_with_queries
from training.models.frozen_layers import NOT_AUGMENTED
from training.processes import joined_rows, share_of
from training.sampling import identity_notes

if TYPE_CHECKING:
    import torch

    from retrieval.types import Int64, Preprocess, UInt8
    from training.data.training_data import TrainingData
    from training.jobs.reid.recipe import ImageStageConfig


class ReidImages(Protocol):
    """Pixels of samples, as :class:`training.data.image_loader.ImageLoader` gives them."""

    def begin(self, epoch: int, batches: Sequence[Int64]) -> None:
        """Name the batches of an epoch."""
        ...

    def batch(self, number: int) -> UInt8:
        """Return the augmented pixels (m, height, width, 3) of this process's share of a batch of this epoch."""
        ...

    def plain(self, rows: Int64) -> UInt8:
        """Return the pixels (n, height, width, 3) of samples without augmentation."""
        ...


class ReidBatch(NamedTuple):
    """A batch of n samples.

    Attributes:
        place: its place in the epoch.
        seed: seeds its random numbers.
        rows: (n,) the samples.
        share: positions in ``rows`` of those that this process computes, ascending.
    """

    place: int
    seed: int
    rows: Int64
    share: Int64

    @property
    def mine(self) -> Int64:
        """(m,) the samples that this process computes."""
        return self.rows[self.share]

    def divided(self) -> ReidBatch:
        """The same batch with the share of this process (:class:`training.learner.DividesBatches`)."""
        return self._replace(share=share_of(self.share))

    def joined(self, computed: torch.Tensor) -> torch.Tensor:
        """What all processes computed of the batch, (n, ...), from what this one did, (m, ...)."""
        return joined_rows(computed, self.share, len(self.rows))


@dataclass(frozen=True, slots=True)
class ReidSamples:
    """n samples of a store.

    Attributes:
        ids: (n,) their ids.
        images: their pixels.
        preprocess: mean and standard deviation of the encoder's channels.
        identity: (n,) number of the identity: from 0 for the C of train, -1 for identities that are held out.
        held_out_identity: (n,) index of the identity among all.
        train: rows to train on, ascending.
        held_out: rows of identities that are not in train, ascending.
        names: the identities of train, in the order of their numbers.
    """

    ids: Sequence[str]
    images: ReidImages
    preprocess: Preprocess
    identity: Int64
    held_out_identity: Int64
    train: Int64
    held_out: Int64
    names: tuple[str, ...]

    def normalised(self, pixels: UInt8) -> torch.Tensor:
        """Return images (n, 3, height, width) of pixels (n, height, width, 3), as the encoder normalises them."""
        import torch

        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.preprocess.mean, self.preprocess.std))
        return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std

    @property
    def counts(self) -> Int64:
        """(C,) number of training images of every identity."""
        return np.bincount(self.identity[self.train], minlength=len(self.names)).astype(np.int64)


def reid_samples(data: TrainingData, images: ReidImages, preprocess: Preprocess) -> ReidSamples:
    """Number the identities of train, and find the samples of others.

    Held-out samples of identities of train are left out: an encoder has seen these identities.
    """
    train, val = data.rows("train"), data.rows("val")
    numbers = np.unique(data.target[train])
    identity = np.full(len(data.classes), -1, np.int64)
    identity[numbers] = np.arange(len(numbers))
    return ReidSamples(
        ids=data.ids.tolist(),
        images=images,
        preprocess=preprocess,
        identity=identity[data.target],
        held_out_identity=data.target,
        train=train,
        held_out=val[identity[data.target[val]] < 0],
        names=tuple(data.classes[number] for number in numbers),
    )


def check_samples(data: TrainingData, stage: ImageStageConfig, column: str) -> tuple[str, ...]:
    """Check that batches and early stopping are possible with the samples, and return what the user should know.

    Raises:
        InputError: there are too few identities for a batch, none with two images, or fewer than two held out to stop
            by.
    """
    train = data.rows("train")
    notes: tuple[str, ...] = (*identity_notes(data.target[train], stage.identities, stage.images),)
    if stage.cache_frozen:
        notes = (*notes, NOT_AUGMENTED)
    val = data.rows("val")
    unseen = data.target[val][~np.isin(data.target[val], data.target[train])]
    several = len(identities_with_queries(unseen))
    if several >= LEAST:
        return notes
    if stage.patience:
        raise InputError(
            f"{'One' if several else 'No'} held-out {column} has two images, and training stops by {LEAST} or more; "
            f"{_way_to_hold_out(len(np.unique(data.target)))}train all epochs by `image_stage.patience=0`."
        )
    held = f"Only one {column} with two images is" if several else f"No {column} is"
    return (*notes, f"{held} held out, so the weights of the last epoch are kept.")


def _way_to_hold_out(identities: int) -> str:
    """How two of some identities are held out, as the beginning of a sentence; empty if too few remained."""
    if identities < 2 * LEAST:
        return ""
    share = max(0.15, math.ceil(100 * LEAST / identities) / 100)
    return f"hold some out by `data.val_identities={share:g}`, or "
