"""Batches of labelled samples: which rows, what a network gets of them, and how images are mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from retrieval.encoders.torchvision_ops import repair_torchvision
from training.image_augment import seeded
from training.sampling import balanced_batches, shuffled_batches, weighted_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.types import Float32, Int64, Preprocess, UInt8
    from training.data.image_loader import ImageLoader
    from training.data.training_data import TrainingData
    from training.jobs.label_recipe import Mixing, Sampling
    from training.models.frozen_layers import FrozenLayers


class LabelBatch(NamedTuple):
    """Rows of a batch, and its number within the epoch and within all of them, which seeds its random numbers."""

    place: int
    number: int
    rows: Int64


class LabelInputs(Protocol):
    """What a network gets of samples, (n, ...) float32."""

    def begin(self, epoch: int, batches: Sequence[LabelBatch]) -> None:
        """Name the whole batches of an epoch, of which the share of this process is then asked for in turn."""
        ...

    def train(self, batch: LabelBatch) -> torch.Tensor:
        """Inputs of a batch of training samples, augmented where that applies."""
        ...

    def val(self, rows: Int64) -> torch.Tensor:
        """Inputs of held-out samples."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedImages:
    """Normalised images, augmented for training and preprocessed as ``index`` does otherwise.

    Attributes:
        loader: pixels of samples.
        preprocess: mean and standard deviation.
    """

    loader: ImageLoader
    preprocess: Preprocess

    def begin(self, epoch: int, batches: Sequence[LabelBatch]) -> None:
        """See :class:`LabelInputs`."""
        self.loader.begin(epoch, [batch.rows for batch in batches])

    def train(self, batch: LabelBatch) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        return self._normalised(self.loader.batch(batch.place))

    def val(self, rows: Int64) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        return self._normalised(self.loader.plain(rows))

    def _normalised(self, pixels: UInt8) -> torch.Tensor:
        import torch

        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.preprocess.mean, self.preprocess.std))
        return (scaled - mean) / std


@dataclass(frozen=True, slots=True)
class KeptActivations:
    """What the frozen layers of a network make of samples.

    Attributes:
        layers: the frozen layers.
    """

    layers: FrozenLayers

    def begin(self, epoch: int, batches: Sequence[LabelBatch]) -> None:
        """See :class:`LabelInputs`."""

    def train(self, batch: LabelBatch) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        return self.val(batch.rows)

    def val(self, rows: Int64) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        return self.layers.activations(rows)


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """Stored vectors of samples, multiplied by their lengths: what the image tower gave.

    Attributes:
        features: (n, d) float32 of all samples.
    """

    features: Float32

    def begin(self, epoch: int, batches: Sequence[LabelBatch]) -> None:
        """See :class:`LabelInputs`."""

    def train(self, batch: LabelBatch) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        return self.val(batch.rows)

    def val(self, rows: Int64) -> torch.Tensor:
        """See :class:`LabelInputs`."""
        import torch

        return torch.from_numpy(self.features[rows])


def label_batches(data: TrainingData, how: Sampling, size: int, seed: int, epoch: int) -> list[LabelBatch]:
    """Draw the batches of an epoch, of all samples and their repeats.

    ``shuffled`` takes every one once, ``balanced`` every class equally often, and ``weighted`` draws a class in
    proportion to the square root of its size (Mahajan et al. 2018), between the two.
    """
    rows = data.epoch_rows(seed, epoch)
    if how == "balanced":
        drawn = balanced_batches(rows, data.target[rows], size, seed, epoch)
    elif how == "weighted":
        counts = np.bincount(data.target[rows])
        drawn = weighted_batches(rows, counts[data.target[rows]] ** -0.5, size, seed, epoch)
    else:
        drawn = shuffled_batches(rows, size, seed, epoch)
    return [LabelBatch(place, epoch * 1_000_003 + place, rows) for place, rows in enumerate(drawn)]


def mixed(
    images: torch.Tensor, target: torch.Tensor, classes: int, how: Mixing, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix the images of a batch pairwise by mixup or cutmix (``timm.data.Mixup``).

    Args:
        images: (n, 3, height, width); of an odd number the last one stays as it is.
        target: (n,) classes.
        classes: C.
        how: what is mixed.
        seed: seed of the batch.

    Returns:
        The images, and their class probabilities (n, C).
    """
    import torch

    repair_torchvision()
    from timm.data import Mixup

    mix = Mixup(
        mixup_alpha=how.mixup, cutmix_alpha=how.cutmix, prob=how.share, label_smoothing=0.0, num_classes=classes
    )  # fmt: skip
    exact = torch.nn.functional.one_hot(target, classes).float()
    even = len(images) // 2 * 2
    if not even:
        return images, exact
    with seeded(np.random.default_rng(seed)):
        part, probabilities = mix(images[:even].clone(), target[:even])
    return torch.cat([part, images[even:]]), torch.cat([probabilities, exact[even:]])
