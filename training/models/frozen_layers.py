"""The frozen layers of an image network, computed once for every image that a job trains on or holds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError
from training.models.frozen_features import cache_frozen, split_frozen
from training.processes import from_first, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch

    from retrieval.types import Int64
    from training.hardware import Hardware
    from training.models.frozen_features import FrozenFeatures, FrozenSplit
    from training.models.towers import ImageTower, TowerFeatures

FILE = "frozen.npy"

NOT_AUGMENTED = "Frozen layers are computed once per image, so images are not augmented."


@dataclass(frozen=True, slots=True)
class FrozenLayers:
    """What the frozen layers make of train and held-out samples, and the layers after them.

    Attributes:
        split: the network in two parts.
        kept: what the first part gives, in the order of ``place``.
        place: (n,) position of every sample in ``kept``.
    """

    split: FrozenSplit
    kept: FrozenFeatures
    place: Int64

    def activations(self, rows: Int64) -> torch.Tensor:
        """Return what the frozen layers make of m samples, (m, ...) float32."""
        return self.kept.rows(self.place[rows], self.split.tower.device)

    def features(self, rows: Int64, hardware: Hardware) -> TowerFeatures:
        """Return the features of samples in float32; only the layers after the frozen ones are computed."""
        activations = self.activations(rows)
        with hardware.autocast():
            return self.split.features(activations).in_float32()


def compute_frozen(
    tower: ImageTower,
    images: Callable[[Int64], torch.Tensor],
    rows: Int64,
    ids: Sequence[str],
    out: Path,
    *,
    group: str,
    quiet: bool,
) -> FrozenLayers:
    """Compute the frozen layers of a network for some samples, or read what an earlier run computed.

    Args:
        tower: the network, part of which is frozen.
        images: maps rows (m,) to normalised images (m, 3, height, width), without augmentation.
        rows: (m,) of the samples.
        ids: n ids of all samples.
        out: folder of the run.
        group: the part of the recipe that has ``unfreeze`` and ``cache_frozen``.
        quiet: whether to show no progress.

    Raises:
        InputError: nothing is frozen or all is, or the network cannot be divided.
    """
    split = split_frozen(tower)
    if split is None:
        raise InputError(
            f"The frozen layers of {tower.spec.model} cannot be kept: it takes some that are frozen and some that are "
            f"trained, `{group}.unfreeze=1`; leave out {group}.cache_frozen."
        )
    keys = np.array([ids[row] for row in rows])

    def compute(path: Path) -> FrozenFeatures:
        return cache_frozen(split, lambda places: images(rows[places]), keys, path, quiet=quiet)

    path = (out / FILE).absolute()
    if rank() == 0:
        compute(path)
    path = from_first(path)  # the others read what the first process wrote: their own folders are temporary
    place = np.zeros(len(ids), np.int64)
    place[rows] = np.arange(len(rows))
    return FrozenLayers(split, compute(path), place)
